"""Ways of training that ranks share: the figures of one process, whatever is chosen."""

from __future__ import annotations

import json

import numpy as np
import pytest

from chainrule.autograd import tensor
from chainrule.backend.ranks import Alone
from chainrule.backend.ranks.lost import EverywhereError
from chainrule.nn import CrossEntropyLoss, NLLLoss
from chainrule.nn import functional as F
from chainrule.nn.usual import rows_weighed
from chainrule.train.fitting.crew import Crew
from distributed.launching import launch, needs_mpi

PROGRAM = """
    import json, os
    import numpy as np
    import chainrule as cr
    from chainrule import distributed, nn
    from chainrule.data import DataLoader
    from chainrule.train import fit
    from chainrule.train.fitting.augment import AugmentImages

    class Rows:
        # Read one by one, by processes that a loader starts.
        def __init__(self):
            source = np.random.default_rng(0)
            self.x = source.normal(size=(53, 1, 4, 4)).astype(np.float32)
            self.y = source.integers(0, 3, 53)
            self.y[5] = -100

        def __len__(self):
            return 53

        def __getitem__(self, i):
            return cr.tensor(self.x[i]), cr.tensor(self.y[i])

    def noisy(x):
        return cr.cat([x[1:], x[:1]]) + cr.rand(*x.shape)

    WAYS = {
        "class weights": {"loss": nn.CrossEntropyLoss(weight=cr.tensor([1.0, 5.0, 0.2]))},
        "sum": {"loss": nn.CrossEntropyLoss(reduction="sum")},
        "augment": {"augment": AugmentImages("shift", "rotate", "flip")},
        "augment by hand": {"augment": noisy},
        "workers": {"workers": 1},
    }

    def run(loss=None, workers=0, **options):
        cr.manual_seed(3)
        network = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))
        if distributed.world_size() > 1:
            network = nn.parallel.DistributedDataParallel(network)
        if isinstance(loss, nn.Module) and loss.reduction == "sum":
            options["lr"] = 0.001
        history = fit(
            network,
            DataLoader(Rows(), 16, shuffle=True, num_workers=workers),
            loss,
            **{"epochs": 2, "lr": 0.01, "validation": DataLoader(Rows(), 20), **options},
            progress=False,
        )
        return history["loss"] + history["validation_loss"]

    def main():
        distributed.init()
        found = {name: run(**options) for name, options in WAYS.items()}
        if distributed.rank() == 0:
            print(json.dumps(found))

    if __name__ == "__main__":
        main()
"""


@needs_mpi
def test_every_way_has_the_figures_of_one_process(tmp_path):
    ended = [launch(PROGRAM, ranks, folder=tmp_path) for ranks in (1, 3)]
    assert [(one.code, one.complained) for one in ended] == [(0, "")] * 2
    alone, together = (json.loads(one.said) for one in ended)
    assert list(alone) == list(together)
    for name, figures in together.items():
        np.testing.assert_allclose(figures, alone[name], rtol=2e-6, err_msg=name)


LABELS = np.array([0, 1, -100, 2])
WEIGHTS = tensor([1.0, 2.0, 4.0])


@pytest.mark.parametrize(
    ("loss", "targets", "counts"),
    [
        (CrossEntropyLoss(), LABELS[:2], [1, 1]),
        (CrossEntropyLoss(), LABELS, [1, 1, 0, 1]),
        (F.cross_entropy, LABELS, [1, 1, 0, 1]),
        (CrossEntropyLoss(ignore_index=1), LABELS[:2], [1, 0]),
        (NLLLoss(weight=WEIGHTS), LABELS, [1, 2, 0, 4]),
        (NLLLoss(weight=WEIGHTS), LABELS.reshape(2, 2), [3, 4]),
        (CrossEntropyLoss(weight=WEIGHTS), np.full((2, 3), 1 / 3), None),
        (len, LABELS, None),
    ],
)
def test_how_much_rows_count(loss, targets, counts):
    found = rows_weighed(loss, targets)
    assert (found is None) == (counts is None)
    if counts is not None:
        np.testing.assert_array_equal(found, counts)


class Of(Alone):
    """One of several ranks, which exchanges nothing."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size


class Network:
    checks_data = True


def parts(loss, targets, size, **options):
    crews = [Crew(Network(), Of(rank, size), {}) for rank in range(size)]
    return [crew.part_in(loss, tensor(targets), **options) for crew in crews]


def test_parts_in_a_loss():
    np.testing.assert_allclose(parts(len, np.zeros(5), 2), [0.6, 0.4])
    np.testing.assert_allclose(parts(CrossEntropyLoss(), LABELS, 2), [1 / 3, 2 / 3])
    np.testing.assert_allclose(parts(NLLLoss(weight=WEIGHTS), LABELS, 2), [1 / 7, 6 / 7])
    assert parts(CrossEntropyLoss(reduction="sum"), LABELS[:2], 3) == [1, 1, 0]


def test_rows_of_which_none_counts():
    targets = np.array([0, -100, 1, -100])
    with pytest.raises(EverywhereError, match="none of the rows that rank 1 has of a batch counts"):
        parts(CrossEntropyLoss(), targets, 2)
    assert parts(CrossEntropyLoss(), targets, 2, in_step=False) == [1, 0]
    assert np.isnan(parts(CrossEntropyLoss(), targets[1::2], 2, in_step=False)).all()
