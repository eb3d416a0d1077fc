"""`fit` broken off and resumed: the numbers are those of the run that was not, to the last bit."""

import random
from contextlib import suppress
from functools import cache

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.autograd import Generator, default_generator
from chainrule.data import DataLoader, TensorDataset, digits
from chainrule.errors import DataError, OptionError
from chainrule.train import EMA, BestWeights, Callback, Checkpoint, EarlyStopping, History, fit

DIGITS = digits()
X = (DIGITS.x[:330].reshape(330, -1) / 16).astype(np.float32)
Y = DIGITS.y[:330]
TIMES = ("seconds", "examples_per_second")


@pytest.fixture(autouse=True, scope="module")
def _quick():
    """Every job is worth compiling, and no test waits for a disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chainrule.train.fitting.step._WORTH", 0)
        patch.setattr("os.fsync", lambda _: None)
        yield


class Killed(BaseException):
    """As if the process were no more: nothing but what is on disk is used afterwards."""


class KilledAt(Callback):
    """Ends a run at the first pause after so many steps."""

    def __init__(self, step, each_step):
        self.step = step
        self.each_step = each_step

    def on_step_end(self, run):
        if run.step >= self.step:
            raise Killed

    def on_epoch_end(self, run):
        if run.step >= self.step:
            raise Killed


class Each(KilledAt):
    each_step = True


class Seldom(KilledAt):
    each_step = False


def mlp(generator, batch_norm=False):
    middle = [nn.BatchNorm1d(12)] if batch_norm else []
    return nn.Sequential(
        nn.Linear(64, 12, generator=generator),
        *middle,
        nn.ReLU(),
        nn.Dropout(0.3, generator=generator),
        nn.Linear(12, 10, generator=generator),
    )


def started(folder, kill=None, *, seed=1, network=mlp, callbacks=(), data=(X, Y), **options):
    """Train, and return weights and figures; or what is on disk when it was killed."""
    generator = Generator(seed)
    model = network(generator)
    history = History()
    given = {
        "epochs": 5,
        "batch_size": 32,
        "validation": (X[:50], Y[:50]),
        "schedule": "cosine",
        "generator": generator,
        "progress": False,
        "resume": folder,
        **options,
    }
    more = [one() for one in callbacks]
    saver = Checkpoint(folder, **given.pop("every", {"steps": 1}))
    data = data(generator) if callable(data) else data
    killer = [] if kill is None else [kill]
    try:
        fit(model, data, callbacks=[*more, saver, *killer], history=history, **given)
    except Killed:
        return None
    weights = {name: np.array(v) for name, v in model.state_dict().items()}
    rows = [{k: v for k, v in row.items() if k not in TIMES} for row in history.rows]
    return weights, rows, history


def same(one, other):
    weights, rows, _ = one
    again, rows_again, _ = other
    assert rows == rows_again or str(rows) == str(rows_again)
    assert weights.keys() == again.keys()
    for name, value in weights.items():
        np.testing.assert_array_equal(value, again[name], err_msg=name, strict=True)


def held_against(tmp_path, kills, each=Seldom, **options):
    """Compare the undisturbed run with one that is killed after so many steps, and again."""
    whole = started(tmp_path / "whole", **options)
    for step in kills:
        killed = started(tmp_path / "killed", each(step, False), **options)
        assert killed is None or killed[2].rows[-1]["epoch"] == options.get("epochs", 5)
    same(whole, started(tmp_path / "killed", **options))
    return whole


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What comes of a run that is left alone, by how it is compiled."""
    return cache(lambda compile: started(tmp_path_factory.mktemp("whole"), compile=compile))


@pytest.mark.parametrize("compile", [False, True, "auto"])
@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 6, 10, 11, 12, 22, 23, 50])
def test_killed_once(tmp_path, undisturbed, compile, step):
    """330 rows in batches of 32: ten whole ones and one of 10 in each of 5 epochs."""
    each = Each if step % 2 else Seldom
    killed = started(tmp_path, each(step, False), compile=compile)
    assert killed is None or step == 50
    same(undisturbed(compile), started(tmp_path, compile=compile))


# --- whatever takes part ------------------------------------------------------------------------


class Noisy:
    """A data set of a person's own, that draws from NumPy's generator for each sample."""

    def __init__(self):
        self.rng = np.random.default_rng(7)

    def __len__(self):
        return 70

    def __getitem__(self, i):
        return X[i] + self.rng.normal(0, 0.1, 64).astype(np.float32), Y[i]


def shuffled(**options):
    """A loader that shuffles by a generator of its own."""

    def made(generator):
        return DataLoader(TensorDataset(X[:70], Y[:70]), 16, generator=generator, **options)

    return made


OFTEN = [3, 8, 13]
JOBS = {
    "batch norm": {"network": lambda g: mlp(g, batch_norm=True), "compile": True},
    "early stopping": {
        "callbacks": [lambda: EarlyStopping(1), BestWeights],
        "epochs": 8,
        "lr": 0.1,
    },
    "averages": {"callbacks": [lambda: EMA(0.9), BestWeights], "compile": True},
    "doctor": {"doctor": True, "lr": 0.5},
    "all outputs": {"metrics": ["roc_auc", "confusion", "f1_macro"]},
    "one cycle": {"schedule": "onecycle", "optimizer": "sgd"},
    "warm-up": {"schedule": "cosine", "warmup": 0.2, "compile": True},
    "clipped": {"max_grad_norm": 0.1, "accumulate": 2},
    "own data": {"data": lambda g: Noisy(), "batch_size": 16},
    "own order": {"data": shuffled(shuffle=True)},
    "workers": {"data": shuffled(shuffle=True, num_workers=1)},
    "drop last": {"data": shuffled(shuffle=True, drop_last=True), "compile": True},
    "one step an epoch": {"data": (X[:20], Y[:20]), "epochs": 20, "compile": True},
    "no validation": {"validation": None, "compile": True},
    "saved by epochs": {"every": {"epochs": 1}, "compile": True},
    "saved by steps": {"every": {"steps": 4, "keep": 1}, "compile": True},
    "saved by seconds": {"every": {"seconds": 0.0}, "compile": True},
}


@pytest.mark.parametrize("first", [0, 40, 70, 130, 200])
def test_labels_that_are_ignored_in_some_batches(tmp_path, first):
    """Wherever recording has come to when they are first met."""
    y = np.where((np.arange(len(Y)) >= first) & (np.arange(len(Y)) % 67 == 0), -100, Y)
    held_against(
        tmp_path,
        list(range(1, 13)),
        data=lambda _: DataLoader(TensorDataset(X, y), 32),
        compile=True,
        metrics=[],
    )


@pytest.mark.parametrize("name", JOBS)
def test_whatever_takes_part(tmp_path, name):
    held_against(tmp_path, OFTEN, **JOBS[name])


def test_findings_are_those_of_a_run_without_a_break(tmp_path):
    options = {"doctor": True, "lr": 3.0, "optimizer": "sgd", "epochs": 6}
    whole = started(tmp_path / "whole", **options)
    assert started(tmp_path / "killed", Seldom(25, False), **options) is None
    again = started(tmp_path / "killed", **options)
    assert whole[2].findings
    assert [f.title for f in whole[2].findings] == [f.title for f in again[2].findings]


OPTIMIZERS = {
    name: getattr(optim, name)
    for name in optim.__all__
    if isinstance(getattr(optim, name), type)
    and issubclass(getattr(optim, name), optim.Optimizer)
    and name not in ("Optimizer", "LBFGS", "SparseAdam", "Muon")
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer(tmp_path, name):
    """Also those whose first step is unlike the others."""

    def run(folder, kill=None):
        generator = Generator(3)
        model = mlp(generator)
        optimizer = OPTIMIZERS[name](model.parameters(), lr=0.01)
        callbacks = [Checkpoint(folder, steps=1), *([] if kill is None else [kill])]
        try:
            fit(
                model,
                (X[:100], Y[:100]),
                optimizer=optimizer,
                epochs=3,
                batch_size=32,
                generator=generator,
                callbacks=callbacks,
                resume=folder,
                progress=False,
            )
        except Killed:
            return None
        return [p.detach().numpy().copy() for p in model.parameters()]

    whole = run(tmp_path / "whole")
    for step in (1, 6):
        assert run(tmp_path / "killed", Each(step, True)) is None
    for one, other in zip(whole, run(tmp_path / "killed"), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["LBFGS", "Muon"])
def test_an_optimizer_in_a_step_of_ones_own(tmp_path, name):
    def run(folder, kill=None):
        generator = Generator(3)
        model = nn.Sequential(nn.Linear(64, 8, bias=False, generator=generator))
        optimizer = getattr(optim, name)(model.parameters(), lr=0.1)

        def step(run, x, y):
            def closure():
                optimizer.zero_grad()
                loss = run.loss(run.model(x), y)
                loss.backward()
                return loss

            loss = optimizer.step(closure)
            return float(loss), run.model(x).detach().numpy()

        try:
            fit(
                model,
                (X[:64], Y[:64] % 8),
                optimizer=optimizer,
                step=step,
                epochs=3,
                batch_size=32,
                generator=generator,
                callbacks=[Checkpoint(folder, steps=1), *([] if kill is None else [kill])],
                resume=folder,
                progress=False,
            )
        except Killed:
            return None
        return model[0].weight.detach().numpy().copy()

    whole = run(tmp_path / "whole")
    assert run(tmp_path / "killed", Each(4, True)) is None
    np.testing.assert_array_equal(whole, run(tmp_path / "killed"))


def test_explicit_backpropagation(tmp_path):
    from chainrule import layers
    from chainrule.train import explicit_step

    def run(folder, kill=None):
        generator = Generator(3)
        model = mlp(generator)
        try:
            fit(
                model,
                (X, Y),
                optimizer="sgd",
                lr=0.1,
                epochs=2,
                step=explicit_step(model, layers.CrossEntropyLoss()),
                generator=generator,
                callbacks=[Checkpoint(folder, steps=1), *([] if kill is None else [kill])],
                resume=folder,
                progress=False,
            )
        except Killed:
            return None
        return model[0].weight.detach().numpy().copy()

    whole = run(tmp_path / "whole")
    assert run(tmp_path / "killed", Each(5, True)) is None
    np.testing.assert_array_equal(whole, run(tmp_path / "killed"))


def test_further_things_are_kept(tmp_path):
    class Counter:
        count = 0

        def state_dict(self):
            return {"count": self.count}

        def load_state_dict(self, state):
            self.count = state["count"]

    def run(counter, kill):
        class Count(Callback):
            def on_step_end(self, run):
                counter.count += 1

        saver = Checkpoint(tmp_path, steps=1, also={"counter": counter})
        with suppress(Killed):
            fit(
                nn.Linear(64, 10),
                (X, Y),
                epochs=2,
                callbacks=[Count(), saver, *kill],
                resume=tmp_path,
                progress=False,
            )
        return counter.count

    assert run(Counter(), [Each(7, True)]) == 7
    assert run(Counter(), []) == 12  # of the seventh step nothing had been saved


def test_more_epochs(tmp_path):
    """A run that has ended goes on where its rate is no matter of how many there are."""
    short = started(tmp_path, schedule="constant", epochs=2)
    assert started(tmp_path, schedule="constant", epochs=2)[1] == short[1]
    longer = started(tmp_path, schedule="constant", epochs=4)
    assert longer[1][:2] == short[1]
    assert [row["epoch"] for row in longer[1]] == [1, 2, 3, 4]


def test_generators_of_everybody(tmp_path):
    """Of NumPy and Python themselves, of NumPy's objects, and the default one."""

    class Anything(Noisy):
        def __init__(self):
            self.own = np.random.RandomState(4)

        def __getitem__(self, i):
            noise = np.random.rand() + random.random() + cr.rand(1).item() + self.own.rand()
            return X[i] + np.float32(noise), Y[i]

    def run(folder, kill=None):
        random.seed(1)
        np.random.seed(2)
        cr.manual_seed(3)
        return started(folder, kill, data=lambda _: Anything(), generator=None)

    before = np.random.get_state(), random.getstate(), default_generator.get_state()
    try:
        whole = run(tmp_path / "whole")
        assert run(tmp_path / "killed", Each(5, True)) is None
        same(whole, run(tmp_path / "killed"))
    finally:
        np.random.set_state(before[0])
        random.setstate(before[1])
        default_generator.set_state(before[2])


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 9}, "epochs of the schedule: 5 there, 9 here"),
        ({"batch_size": 33}, "batches in an epoch: 11 there, 10 here"),
        ({"optimizer": "sgd"}, "optimizer: 'Adam' there, 'SGD' here"),
        ({"schedule": "step"}, "schedule: 'CosineAnnealingLR' there, 'StepLR' here"),
        ({"network": lambda g: mlp(g, batch_norm=True)}, "missing"),
        ({"network": lambda g: nn.Linear(64, 10, generator=g)}, "not expected"),
    ],
)
def test_a_checkpoint_of_another_run(tmp_path, options, words):
    started(tmp_path, Seldom(20, False))
    with pytest.raises(DataError, match=words) as refused:
        started(tmp_path, **options)
    assert "resume with the network, the optimizer, the data and the options" in str(refused.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, got 0"),
        ({"steps": 1.5}, "steps must be a whole number of at least 1, got 1.5"),
        ({"seconds": -1}, "seconds must be at least 0, got -1"),
        ({"seconds": float("nan")}, "seconds must be at least 0"),
        ({"keep": 0}, "keep must be a whole number of at least 1, got 0"),
    ],
    ids=str,
)
def test_options_of_a_checkpoint(options, words):
    with pytest.raises(OptionError, match=words):
        Checkpoint("nowhere", **options)


def test_a_schedule_that_does_not_say_what_is_to_be_kept(tmp_path):
    class Schedule:
        def step(self):
            pass

    with pytest.raises(OptionError, match=r"Schedule cannot be saved, for that has no state_dict"):
        started(tmp_path, schedule=Schedule())
