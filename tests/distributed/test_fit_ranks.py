"""`fit` on several ranks: the figures of one process, checkpoints that any number goes on from."""

from __future__ import annotations

import json

import numpy as np
import pytest

from distributed.launching import launch, needs_mpi

pytestmark = needs_mpi

# Runs, each by name; what rank 0 has of figures and weights is printed, and whether all have it.
RUNS = """
    import hashlib, json, sys
    import numpy as np
    import chainrule as cr
    from chainrule import distributed, nn
    from chainrule.distributed.optim import ZeroRedundancyOptimizer as shared_optimizer
    from chainrule.train import BestWeights, Callback, Checkpoint, EarlyStopping, MaxTime, fit

    distributed.init()
    rank, size = distributed.rank(), distributed.world_size()

    def mlp():
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 3))

    def conv():
        head = nn.Flatten(), nn.Linear(36, 3)
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), *head)

    def noisy():
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Dropout(0.5), nn.Linear(8, 3))

    source = np.random.default_rng(0)
    x = source.normal(size=(103, 1, 8, 8)).astype(np.float32)
    y = source.integers(0, 3, 103)

    def run(model_of, rows=103, weighed=True, shared=False, **options):
        cr.manual_seed(7 * rank + 1 if model_of is noisy else 1)
        network = nn.parallel.DistributedDataParallel(model_of())
        optimizer = {"optimizer": "adam", "lr": 0.01}
        if shared:
            optimizer["optimizer"] = shared_optimizer(network.parameters(), cr.optim.Adam, lr=0.01)
            del optimizer["lr"]
        usual = {
            **optimizer, "epochs": 3, "batch_size": 20, "validation": (x[:33], y[:33]),
            "metrics": ["accuracy", "f1_macro", lambda a, b: float(a.sum())],
            "generator": None if model_of is noisy else cr.Generator(5),
        }
        options = {**usual, **options}
        history = fit(network, (x[:rows], y[:rows]), progress=False, **options)
        clock = ("seconds", "examples_per_second")
        rows = [{k: v for k, v in r.items() if k not in clock} for r in history.rows]
        weights = b"".join(p.array.tobytes() for p in network.parameters())
        own = [rows, history.stopped, history.best_epoch, hashlib.sha256(weights).hexdigest()]
        told = distributed.exchange.world().tell(own)
        assert all(one == own for one in told), told
        return rows, history.stopped

    found = {}
    %s
    if rank == 0:
        print(json.dumps(found))
    distributed.destroy_process_group()
"""

SAME = """
    for compiled in (False, True):
        for model_of in (mlp, conv):
            found[f"{model_of.__name__} {compiled}"] = run(model_of, compile=compiled)
        found[f"shared {compiled}"] = run(
            mlp, compile=compiled, shared=True, schedule="cosine", max_grad_norm=0.5
        )
    found["one row is left"] = run(mlp, rows=101, compile=True)
    found["parts"] = run(mlp, accumulate=2, batch_size=10, max_grad_norm=0.5)
    patient = [BestWeights(), EarlyStopping(1, min_delta=10.0)]
    found["stops"] = run(mlp, callbacks=patient)
"""


def told(body, ranks, folder):
    ended = launch(RUNS.replace("%s", body.strip()), ranks, folder=folder)
    assert ended.code == 0, ended.complained
    return json.loads(ended.said)


def is_close(found, expected, name):
    assert found[1] == expected[1], name
    assert len(found[0]) == len(expected[0]), name
    for row, theirs in zip(found[0], expected[0], strict=True):
        assert list(row) == list(theirs)
        for key, value in row.items():
            # Of accuracy and the like no row may change sides; the sum has terms of both signs.
            close = 1e-3 if "lambda" in key else 1e-6
            np.testing.assert_allclose(value, theirs[key], rtol=close, err_msg=f"{name}: {key}")


def test_ranks_have_the_figures_of_one_process(tmp_path):
    found = {ranks: told(SAME, ranks, tmp_path) for ranks in (1, 2, 4)}
    assert len(found[1]["stops"][0]) == 2
    for ranks in (2, 4):
        assert list(found[ranks]) == list(found[1])
        for name in found[1]:
            is_close(found[ranks][name], found[1][name], f"{name} on {ranks} ranks")


WHOLE = 'found["run"] = run(conv, compile=True)'
FIRST = """
    class Broken(Callback):
        def on_step_end(self, run):
            if run.step == 9:
                raise KeyboardInterrupt

    try:
        run(conv, compile=True, shared=%SHARED, callbacks=[Checkpoint("saved", steps=4), Broken()])
    except KeyboardInterrupt:
        pass
"""
SECOND = 'found["run"] = run(conv, compile=True, shared=%SHARED, resume="saved")'


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The figures of one process that is not broken off."""
    return told(WHOLE, 1, tmp_path_factory.mktemp("whole"))["run"]


@pytest.mark.parametrize(
    ("before", "after", "shared"),
    [
        *[(2, 1, (False, False)), (2, 4, (False, False)), (1, 2, (False, False))],
        # The optimiser's state shared out, before it is broken off and afterwards.
        *[(2, 1, (True, True)), (2, 3, (True, True)), (1, 2, (True, True))],
        *[(2, 1, (True, False)), (2, 3, (False, True))],
    ],
)
def test_a_checkpoint_is_gone_on_from_by_any_number(before, after, shared, whole, tmp_path):
    first, second = (s.replace("%SHARED", str(k)) for s, k in zip((FIRST, SECOND), shared))
    assert told(first, before, tmp_path) == {}
    names = sorted(path.name for path in (tmp_path / "saved").iterdir())
    assert names == ["step-000000004.safetensors", "step-000000008.safetensors"]
    is_close(told(second, after, tmp_path)["run"], whole, f"{before} ranks, then {after}")


NOISY = """
    found["one"] = run(noisy, epochs=2, batch_size=25)
    masks = set()

    class Masks(nn.Module):
        def forward(self, x):
            y = nn.functional.dropout(x, 0.5, self.training)
            masks.add(hashlib.sha256((y.array == 0).tobytes()).hexdigest())
            return y

    cr.manual_seed(rank)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), Masks(), nn.Linear(8, 3))
    model = nn.parallel.DistributedDataParallel(model)
    fit(model, (x[:100], y[:100]), epochs=1, batch_size=20, progress=False, compile=False)
    masks = distributed.exchange.world().tell(sorted(masks))
    found["masks"] = [len(own) for own in masks], len({mask for own in masks for mask in own})
"""


def test_ranks_seeded_otherwise_draw_one_order_and_masks_of_their_own(tmp_path):
    found = told(NOISY, 2, tmp_path)
    assert found["masks"] == [[5, 5], 10]
    is_close(told(NOISY, 2, tmp_path)["one"], found["one"], "again")


REFUSED = """
    sampled = cr.data.DataLoader(
        cr.data.TensorDataset(x, y), 20, sampler=distributed.DistributedSampler(x)
    )
    network = nn.parallel.DistributedDataParallel(mlp())
    found["parts"] = [sampled.sampler.num_replicas, sampled.sampler.rank, len(sampled.sampler)]
    n = 50 + 50 * rank
    for name, data in {"sampled": sampled, "others": (x[:n], y[:n])}.items():
        try:
            fit(network, data, batch_size=20, progress=False)
        except cr.errors.ChainruleError as error:
            found[name] = str(error)
"""


def test_what_is_refused(tmp_path):
    found = told(REFUSED, 2, tmp_path)
    assert found == {
        "parts": [2, 0, 52],
        "sampled": "fit shares batches out among the ranks itself; give it the whole data on every "
        "rank, without a DistributedSampler",
        "others": "the ranks differ in the run: batches in an epoch is 3 on rank 0 and 5 on rank "
        "1; start the same program with the same options on every rank",
    }


NORMED = """
    from chainrule.backend import ranks
    from chainrule.train import evaluate

    cr.manual_seed(1)
    layers = nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)
    network = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Flatten(), *layers))
    data = x[:100], y[:100]
    history = fit(
        network, data, epochs=2, batch_size=20, validation=(x[:33], y[:33]), progress=False
    )
    with ranks.apart():
        alone = evaluate(network.module, (x[:33], y[:33]))
    found["figures"] = distributed.exchange.world().tell(
        [history["validation_loss"][-1], alone["loss"], network.module[2].running_mean.tolist()]
    )
"""


def test_all_ranks_measure_with_the_running_values_that_are_saved(tmp_path):
    (first, alone, means), other = told(NORMED, 2, tmp_path)["figures"]
    np.testing.assert_allclose(first, alone, rtol=1e-6)
    assert other == [first, alone, means]
