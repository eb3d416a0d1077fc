"""`fit`: the loop a person would write, with whatever model, loss, optimiser and data come."""

import math

import numpy as np
import pytest

from chainrule import nn, optim
from chainrule.autograd import Generator, Tensor, from_numpy, manual_seed, tensor
from chainrule.autograd.clip import clip_grad_norm_
from chainrule.backend import threads
from chainrule.data import DataLoader, Dataset, TensorDataset
from chainrule.errors import ChainruleError, DataError, OptionError, ShapeError
from chainrule.nn import functional as F
from chainrule.nn.usual import LOSSES
from chainrule.optim import lr_scheduler
from chainrule.optim.names import OPTIMIZERS
from chainrule.train import BestWeights, Callback, EarlyStopping, History, evaluate, fit, predict
from chainrule.train.fitting.loop import SCHEDULES

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int64)
Z = (X @ [[1.0], [-2.0], [0.5]]).astype(np.float32)


def model(outputs=2, seed=0):
    generator = Generator(seed)
    return nn.Sequential(
        nn.Linear(3, 8, generator=generator),
        nn.Tanh(),
        nn.Linear(8, outputs, generator=generator),
    )


def weights(module):
    return np.concatenate([p.detach().numpy().reshape(-1) for p in module.parameters()])


def quiet_fit(module, data=(X, Y), *arguments, **named):
    return fit(module, data, *arguments, **{"epochs": 3, "progress": False, **named})


# --- the loop -----------------------------------------------------------------------------------


def test_it_is_the_loop_that_a_person_would_write():
    """Bit for bit: batches in the generator's order, zero_grad, backward, clipping, step."""
    ours, theirs = model(), model()
    history = quiet_fit(
        ours,
        optimizer=optim.SGD(ours.parameters(), lr=0.1, momentum=0.9),
        batch_size=16,
        max_grad_norm=0.5,
        generator=Generator(7),
    )
    loader = DataLoader(TensorDataset(X, Y), 16, shuffle=True, generator=Generator(7))
    optimizer = optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(3):
        total = right = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            outputs = theirs(x)
            loss = F.cross_entropy(outputs, y)
            loss.backward()
            clip_grad_norm_(theirs.parameters(), 0.5)
            optimizer.step()
            total += loss.item() * len(y)
            right += float((outputs.detach().numpy().argmax(axis=1) == y.numpy()).sum())
        assert history["loss"][epoch] == total / 50
        assert history["accuracy"][epoch] == pytest.approx(right / 50, abs=1e-12)
    np.testing.assert_array_equal(weights(ours), weights(theirs))


def test_as_in_torch(torch):
    """The same figures from the same weights, in the order of the data."""
    ours = model()
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    loader = DataLoader(TensorDataset(X, Y), 20)
    history = quiet_fit(ours, loader, optimizer="adam", lr=0.05, schedule="cosine")
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=9)
    for epoch in range(3):
        total = 0.0
        assert history["learning_rate"][epoch] == pytest.approx(schedule.get_last_lr()[0])
        for i in (0, 20, 40):
            x, y = torch.tensor(X[i : i + 20]), torch.tensor(Y[i : i + 20])
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(theirs(x), y)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(y)
        assert history["loss"][epoch] == pytest.approx(total / 50, rel=1e-4)


class Pairs(Dataset):
    """A data set that gives one sample at a time."""

    def __getitem__(self, i):
        return X[i], Y[i]

    def __len__(self):
        return len(X)


SAME_DATA = {
    "arrays": (X, Y),
    "list": [X, Y],
    "tensors": (from_numpy(X), from_numpy(Y)),
    "lists": (X.tolist(), Y.tolist()),
    "dataset": TensorDataset(X, Y),
    "own dataset": Pairs(),
    "samples": [(x, y) for x, y in zip(X, Y)],
    "loader": None,
    "bytes": (X, Y.astype(np.uint8)),
    "int32": (X, Y.astype(np.int32)),
}


@pytest.mark.parametrize("name", SAME_DATA)
def test_data_of_every_kind(name):
    expected = quiet_fit(model(), generator=Generator(1))
    data = SAME_DATA[name]
    if name == "loader":
        data = DataLoader(TensorDataset(X, Y), 64, shuffle=True, generator=Generator(1))
    history = quiet_fit(model(), data, generator=Generator(1), validation=data)
    assert history["loss"] == pytest.approx(expected["loss"], rel=1e-6)
    assert history["accuracy"] == expected["accuracy"]
    assert len(history["validation_loss"]) == 3


def test_the_batch_size_of_a_loader_is_its_own():
    steps = Steps()
    quiet_fit(model(), DataLoader(Pairs(), 7), batch_size=50, callbacks=[steps])
    assert steps.count == 3 * math.ceil(50 / 7)


class Steps(Callback):
    """Counts the steps."""

    def __init__(self):
        self.count = 0

    def on_step_end(self, run):
        self.count += 1


# --- what is chosen -----------------------------------------------------------------------------


def test_what_is_usual():
    assert list(quiet_fit(model()).rows[0])[:3] == ["epoch", "loss", "accuracy"]
    assert list(quiet_fit(model(1), (X, Z)).rows[0])[:3] == ["epoch", "loss", "mae"]
    history = quiet_fit(model(1), (X, Z), validation=(X, Z))
    assert list(history.rows[0]) == [
        *("epoch", "loss", "mae", "validation_loss", "validation_mae"),
        *("learning_rate", "seconds", "examples_per_second"),
    ]


@pytest.mark.parametrize("name", LOSSES)
def test_losses_by_name(name):
    target = Y if name in ("cross_entropy", "hinge") else (X[:, :2] > 0).astype(np.float32)
    history = quiet_fit(model(), (X, target), name, epochs=8, lr=0.05)
    assert history["loss"][-1] < history["loss"][0]
    assert evaluate(model(), (X, target), name)["loss"] == LOSSES[name](model()(X), target).item()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_by_name(name):
    """The name with its options is the optimiser made with them."""
    one, other = model(), model()
    quiet_fit(one, optimizer=name, lr=0.02, weight_decay=0.1, generator=Generator(0))
    made = OPTIMIZERS[name](other.parameters(), lr=0.02, weight_decay=0.1)
    quiet_fit(other, optimizer=made, generator=Generator(0))
    np.testing.assert_array_equal(weights(one), weights(other))
    assert (weights(one) != weights(model())).all()


class Rates(Callback):
    """Keeps the learning rate before the run and after each step."""

    def on_fit_start(self, run):
        self.rates = [run.optimizer.param_groups[0]["lr"]]

    def on_step_end(self, run):
        self.rates.append(run.optimizer.param_groups[0]["lr"])


def rates(schedule, epochs=3, optimizer="sgd"):
    seen = Rates()
    quiet_fit(
        model(),
        optimizer=optimizer,
        lr=1.0,
        schedule=schedule,
        epochs=epochs,
        batch_size=17,  # 3 steps an epoch
        callbacks=[seen],
    )
    return [float(rate) for rate in seen.rates]


def test_schedules_by_name():
    assert rates("constant") == [1.0] * 10
    assert rates(None) == [1.0] * 10
    cosine = [(1 + math.cos(math.pi * k / 9)) / 2 for k in range(10)]
    assert rates("cosine") == pytest.approx(cosine, abs=1e-7)
    assert rates("step") == pytest.approx([1.0] * 3 + [0.1] * 3 + [0.01] * 3 + [0.001])
    up_and_down = rates("onecycle")
    assert up_and_down[0] == pytest.approx(1 / 25)
    assert max(up_and_down) == pytest.approx(1.0, rel=0.02)
    assert up_and_down[8] < 1e-4


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_of_a_single_step(name):
    quiet_fit(model(), schedule=name, epochs=1, batch_size=50)


def test_a_schedule_that_was_made():
    module = model()
    optimizer = optim.SGD(module.parameters(), lr=1.0)
    schedule = lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    history = quiet_fit(module, optimizer=optimizer, schedule=schedule, batch_size=25)
    assert history["learning_rate"] == [1.0, 0.5, 0.25]


def test_a_loss_and_metrics_of_ones_own():
    def far(outputs, targets):
        return ((outputs.view(-1) - targets) ** 4).mean()

    def worst(outputs, targets):
        return np.abs(outputs.reshape(-1) - targets).max()  # a number of NumPy's will do

    history = quiet_fit(model(1), (X, Z[:, 0]), far, metrics={"worst": worst}, lr=0.01, epochs=9)
    assert history["loss"][-1] < history["loss"][0]
    assert set(history.rows[0]) >= {"loss", "worst"}
    assert all(type(value) in (int, float) for value in history.rows[0].values())
    figures = evaluate(model(1), (X, Z[:, 0]), far, metrics={"worst": worst})
    outputs = model(1)(X).detach().numpy()[:, 0]
    assert figures["worst"] == pytest.approx(np.abs(outputs - Z[:, 0]).max())
    assert quiet_fit(model(), metrics={}).rows[0].keys() >= {"loss"}


def test_a_loss_module():
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    history = quiet_fit(model(), (X, Y), loss, "adam", epochs=2)
    assert history["loss"][-1] < history["loss"][0]


def test_max_grad_norm():
    norms = []

    class Norms(Callback):
        def on_step_end(self, run):
            squares = [float((p.grad.numpy() ** 2).sum()) for p in run.model.parameters()]
            norms.append(math.sqrt(sum(squares)))

    quiet_fit(model(1), (X, 100 * Z), callbacks=[Norms()], max_grad_norm=0.25)
    assert norms == pytest.approx([0.25] * len(norms), rel=1e-4)


# --- what is the same again ---------------------------------------------------------------------


def test_the_same_generator_gives_the_same_bits():
    found = []
    for seed in (3, 3, 4):
        module = nn.Sequential(nn.Linear(3, 4, generator=Generator(0)), nn.Dropout(0.5))
        module[1].generator = Generator(1)
        quiet_fit(module, (X, Y), batch_size=8, generator=Generator(seed))
        found.append(weights(module))
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


def test_without_one_the_default_is_drawn_from():
    found = []
    for seed in (3, 3, 4):
        manual_seed(seed)
        module = model()
        quiet_fit(module, batch_size=8)
        found.append(weights(module))
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


# --- figures ------------------------------------------------------------------------------------


def test_the_history():
    history = quiet_fit(model(), epochs=4, lr=0.1)
    assert isinstance(history, History)
    assert len(history) == 4
    assert history["epoch"] == [1, 2, 3, 4]
    assert history["learning_rate"] == [0.1] * 4
    assert all(seconds > 0 for seconds in history["seconds"])
    assert all(math.isnan(value) for value in history["nothing"])
    assert (history.best_epoch, history.stopped) == (None, "")


def test_validation_is_what_evaluate_says():
    module = model()
    held_out = (X[:20] + 1, Y[:20])
    history = quiet_fit(module, validation=held_out)
    assert evaluate(module, held_out) == {
        "loss": history["validation_loss"][-1],
        "accuracy": history["validation_accuracy"][-1],
    }
    outputs = predict(module, held_out[0])
    assert history["validation_accuracy"][-1] == np.mean(outputs.argmax(axis=1) == held_out[1])


def test_evaluate_does_not_depend_on_the_batches():
    whole = evaluate(model(), (X, Y))
    for size in (1, 7, 50):
        assert evaluate(model(), (X, Y), batch_size=size) == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("weight", [None, [0.01, 0.002]])
def test_rows_that_do_not_count_are_in_no_batch(weight):
    """Nor does a batch count of which no row does."""
    y = np.where(np.arange(len(Y)) % 9 < 4, -100, Y)
    loss = nn.CrossEntropyLoss(weight=weight and tensor(weight))
    expected = loss(model()(from_numpy(X)), from_numpy(y)).item()
    for size in (1, 4, 7, 50, 1000):
        found = evaluate(model(), (X, y), loss, metrics=[], batch_size=size)
        assert found == {"loss": pytest.approx(expected, rel=1e-5)}
    assert np.isnan(evaluate(model(), (X, y * 0 - 100), loss, metrics=[])["loss"])


def test_predict():
    module = model()
    expected = module(X).detach().numpy()
    for rows in (X, from_numpy(X), X.tolist()):
        found = predict(module, rows)
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(predict(module, X, batch_size=7), expected, rtol=1e-5, atol=1e-7)
    assert predict(module, X[:0]).shape == (0, 2)


def test_measuring_changes_nothing():
    module = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 2))
    for training in (True, False):
        module.train(training)
        before = {name: value.numpy().copy() for name, value in module.state_dict().items()}
        first, second = evaluate(module, (X, Y)), evaluate(module, (X, Y))
        assert first == second
        np.testing.assert_array_equal(predict(module, X), predict(module, X))
        assert module.training is module[1].training is training
        for name, value in module.state_dict().items():
            np.testing.assert_array_equal(value, before[name])
        assert all(p.grad is None for p in module.parameters())


def test_a_failure_in_measuring_leaves_the_mode():
    module = model().train()
    with pytest.raises(ShapeError):
        predict(module, X[:, :2])
    assert module.training


# --- what is left as it was ---------------------------------------------------------------------


class Modes(Callback):
    """Keeps the mode of the model at every step, and after every epoch."""

    def __init__(self):
        self.steps, self.ends = [], []

    def on_step_end(self, run):
        self.steps.append(run.model.training)

    def on_epoch_end(self, run):
        self.ends.append(run.model.training)


def test_the_model_is_left_ready_for_use():
    modes, module = Modes(), model().eval()
    quiet_fit(module, validation=(X, Y), callbacks=[modes])
    assert all(modes.steps)
    assert not any(m.training for m in module.modules())


def test_batch_norm_and_dropout_are_in_use_for_validation():
    module = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.9), nn.Linear(3, 2))
    history = quiet_fit(module, validation=(X, Y))
    assert evaluate(module, (X, Y))["loss"] == history["validation_loss"][-1]


@pytest.mark.parametrize("fails", [False, True])
def test_numpys_error_state_is_left_alone(fails):
    with np.errstate(all="raise"):
        before = np.geterr()
        if fails:
            with pytest.raises(ChainruleError):
                quiet_fit(model(), (X * np.nan, Y))
        else:
            quiet_fit(model())
            evaluate(model(), (X, Y))
            predict(model(), X)
        assert np.geterr() == before


def test_overflow_on_the_way_is_no_warning():
    """Warnings are errors here: what NumPy would say of exp(1000) is not for the person."""
    module = nn.Sequential(nn.Linear(3, 4), nn.Softplus(), nn.Sigmoid(), nn.Linear(4, 2))
    quiet_fit(module, (X * 1e30, Y))
    evaluate(module, (X * 1e37, Y))
    predict(module, X * 1e38 / 4)


def test_threads_are_for_the_time_of_the_run(monkeypatch):
    seen = []

    class Allowed(Callback):
        def on_step_end(self, run):
            seen.append(threads.get_num_threads())

    before = threads.get_num_threads()
    quiet_fit(model(), threads=1, callbacks=[Allowed()])
    quiet_fit(model(), threads=3, callbacks=[Allowed()], epochs=1)
    assert set(seen[:-1]) == {1}
    assert seen[-1] == 3
    assert threads.get_num_threads() == before


# --- errors -------------------------------------------------------------------------------------


class Endless:
    """A data set that has no length is none."""


REFUSED = [
    ({"epochs": 0}, OptionError, "epochs must be a whole number of at least 1, got 0"),
    ({"epochs": 1.5}, OptionError, "epochs must be a whole number of at least 1, got 1.5"),
    ({"batch_size": 0}, OptionError, "batch_size must be a whole number of at least 1, got 0"),
    ({"threads": 0}, OptionError, "threads must be a whole number of at least 1, got 0"),
    ({"lr": -1}, OptionError, "lr must be a number of at least 0, got -1"),
    ({"weight_decay": -1}, OptionError, "weight_decay must be a number of at least 0, got -1"),
    ({"max_grad_norm": -1}, OptionError, "max_norm must be a number of at least 0"),
    ({"optimizer": "adm"}, OptionError, "no optimizer 'adm'; .* did you mean 'adam'"),
    ({"optimizer": optim.Adam}, OptionError, "a name or an optim.Optimizer, got the class Adam"),
    ({"optimizer": None}, OptionError, "got NoneType"),
    ({"loss": "cross"}, OptionError, "no loss 'cross'; .* did you mean 'cross_entropy'"),
    ({"loss": nn.CrossEntropyLoss}, OptionError, "a loss is made first and called then"),
    ({"loss": lambda y, t: 3.0}, OptionError, "must return a tensor of one number, got float"),
    ({"loss": nn.CrossEntropyLoss(reduction="none")}, OptionError, r"got a shape of \(50,\)"),
    ({"schedule": "cosin"}, OptionError, "no schedule 'cosin'; .* did you mean 'cosine'"),
    ({"schedule": 3}, OptionError, r"a name or an object with a method step\(\), got int"),
    ({"schedule": lr_scheduler.StepLR}, OptionError, "got the class StepLR"),
    ({"callbacks": EarlyStopping()}, OptionError, "a list of Callback objects, got EarlyStopping"),
    ({"callbacks": [print]}, OptionError, "a list of Callback objects, got builtin_function_or"),
    ({"callbacks": [EarlyStopping]}, OptionError, "got the class EarlyStopping"),
    ({"callbacks": [BestWeights("acc")]}, OptionError, "no figure 'acc' to watch; there are: ep"),
    ({"data": None}, OptionError, r"a pair \(x, y\), a Dataset or a DataLoader, got NoneType"),
    ({"data": Endless()}, OptionError, "got Endless"),
    ({"data": X}, DataError, r"every sample must be a pair \(x, y\), the first is ndarray"),
    ({"data": (X, Y, Y)}, DataError, "the first is tuple of 3"),
    ({"data": (X, Y[:9])}, DataError, r"tensors of equal length, got shapes \(50, 3\), \(9,\)"),
    ({"data": (X[:0], Y[:0])}, DataError, "no batch to take: 0 examples in batches of 64"),
    ({"validation": (X[:0], Y[:0])}, DataError, "no batch to take: 0 examples in batches of 1000"),
    ({"data": (X, Y + 1)}, DataError, "label 2 at index .* is outside the 2 classes 0 to 1"),
    ({"data": ((X * 9).astype(int), Y)}, DataError, "expected floating-point input, got int64"),
    ({"data": (X[:, :2], Y)}, ShapeError, r"0 \(Linear\): expected 3 input features, got 2"),
    ({"data": (X, Z[:, 0])}, ShapeError, "broadcasting would compare wrong pairs"),
]


@pytest.mark.parametrize(
    ("named", "kind", "words"),
    REFUSED,
    ids=[f"{i}-{next(iter(row[0]))}" for i, row in enumerate(REFUSED)],
)
def test_arguments_that_are_refused(named, kind, words):
    with pytest.raises(kind, match=words) as caught:
        quiet_fit(model(), **{"data": (X, Y), **named})
    assert "\n" not in str(caught.value)


def test_more_that_is_refused():
    module = model()
    made = optim.Adam(module.parameters())
    with pytest.raises(OptionError, match="lr and weight_decay cannot be given beside an optimi"):
        quiet_fit(module, optimizer=made, lr=0.1, weight_decay=0.1)
    with pytest.raises(OptionError, match="ReduceLROnPlateau steps by a figure"):
        quiet_fit(module, optimizer=made, schedule=lr_scheduler.ReduceLROnPlateau(made))
    with pytest.raises(OptionError, match="there is nothing to optimise"):
        quiet_fit(nn.Identity())
    small = DataLoader(TensorDataset(X, Y), 64, drop_last=True)
    with pytest.raises(DataError, match="50 examples in batches of 64, drop_last"):
        quiet_fit(module, small)
    with pytest.raises(DataError, match="no batch"):
        evaluate(module, (X[:0], Y[:0]))
    with pytest.raises(OptionError, match="batch_size must be"):
        predict(module, X, batch_size=0)


def test_a_loss_that_is_no_number():
    with pytest.raises(
        ChainruleError,
        match=r"^the loss became nan in epoch 1, step 1: x is nan at index \(0, 0\) of the batch, "
        r"example \d+ of the data; take what is not finite out of the data$",
    ):
        quiet_fit(model(), (X * np.nan, Y), lr=0.25)
    with pytest.raises(ChainruleError, match=r"the loss became (nan|inf) in epoch [23], step"):
        quiet_fit(model(1), (X, Z * 1e15), optimizer="sgd", lr=1e3)


def test_nothing_is_learned_from_what_is_refused():
    module = model()
    with pytest.raises(ChainruleError):
        quiet_fit(module, (X * np.nan, Y))
    np.testing.assert_array_equal(weights(module), weights(model()))
    assert isinstance(module(tensor([[1.0, 2.0, 3.0]])), Tensor)
