"""The networks, one file for each kind."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from bench.network import Network

if TYPE_CHECKING:
    from bench.workloads import Workload

# By name in the table of workloads: the class in the file of that name.
NETWORKS = {
    "mlp": "MLP",
    "convnet": "Convnet",
    "transformer": "Transformer",
    "lstm": "LSTM",
    "resnet": "ResNet",
    "vae": "VAE",
    "gru": "GRU",
}


def network(workload: Workload) -> Network:
    """Return the network of a workload."""
    kind = getattr(importlib.import_module(f"bench.networks.{workload.network}"), _class(workload))
    found: Network = kind(workload)
    return found


def _class(workload: Workload) -> str:
    return NETWORKS[workload.network]
