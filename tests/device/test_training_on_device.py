"""A network trained on a GPU comes to what it comes to on the processor, and goes on on either."""

from __future__ import annotations

import io

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.cli.main import main
from chainrule.data import DataLoader, TensorDataset
from chainrule.data.onto import on_device
from chainrule.train import EMA, BestWeights, evaluate, fit, predict
from chainrule.train.callbacks.checkpoint import Checkpoint

STEPS = 20


def mlp():
    cr.manual_seed(1)
    first = nn.Linear(6, 16, bias=False)  # a bias before a batch norm has no gradient but rounding
    return nn.Sequential(first, nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 3))


def convolutions():
    cr.manual_seed(2)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.GELU(),
        nn.Flatten(),
        nn.Dropout(0.0),
        nn.Linear(24, 3),
    )


NETWORKS = {"mlp": (mlp, (6,)), "convolutions": (convolutions, (1, 8, 8))}


def batches(shape):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(STEPS, 16, *shape)).astype(np.float32)
    return [(cr.from_numpy(a), cr.from_numpy(rng.integers(0, 3, 16))) for a in x]


class Training:
    """A network with Adam, gradients clipped and a schedule, on a device."""

    def __init__(self, make, device, optimizer=cr.optim.Adam):
        self.device = device
        self.model = make().to(device)
        self.optimizer = optimizer(self.model.parameters(), lr=0.02)
        self.schedule = cr.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, STEPS)

    def take(self, some):
        losses = []
        for x, y in some:
            self.optimizer.zero_grad()
            outputs = self.model(x.to(self.device))
            loss = nn.functional.cross_entropy(outputs, y.to(self.device))
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 0.5)
            self.optimizer.step()
            self.schedule.step()
            losses.append(loss.item())
        return losses

    def saved(self):
        file = io.BytesIO()
        parts = {name: getattr(self, name).state_dict() for name in PARTS}
        cr.save(parts, file)
        file.seek(0)
        return file

    def resume(self, file):
        for name, state in cr.load(file, map_location=self.device).items():
            getattr(self, name).load_state_dict(state)

    def weights(self):
        return [p.detach().cpu().numpy() for p in self.model.state_dict().values()]


PARTS = ("model", "optimizer", "schedule")


def alike(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_steps_on_either_device(name, gpu):
    make, shape = NETWORKS[name]
    here, there = Training(make, "cpu"), Training(make, "cuda")
    assert all(p.is_cuda for p in there.model.state_dict().values())
    alike(there.take(batches(shape)), here.take(batches(shape)))
    for ours, theirs in zip(there.weights(), here.weights(), strict=True):
        alike(ours, theirs)
    kept = there.optimizer.state[next(there.model.parameters())]
    assert (kept["exp_avg"].is_cuda, kept["step"].is_cuda) == (True, False)


@pytest.mark.parametrize("order", [("cuda", "cpu"), ("cpu", "cuda"), ("cuda", "cuda")])
def test_a_run_goes_on_on_another_device(order, gpu):
    make, shape = NETWORKS["mlp"]
    whole = Training(make, "cpu")
    expected = whole.take(batches(shape))
    first, second = (Training(make, device) for device in order)
    found = first.take(batches(shape)[:8])
    second.resume(first.saved())
    moments = second.optimizer.state[next(second.model.parameters())]["exp_avg"]
    assert moments.device.type == order[1]
    found += second.take(batches(shape)[8:])
    alike(found, expected)
    for ours, theirs in zip(second.weights(), whole.weights(), strict=True):
        alike(ours, theirs)


OPTIMIZERS = ["SGD", "AdamW", "RMSprop", "Adagrad", "Adadelta", "NAdam", "RAdam", "Adamax", "ASGD"]
OPTIMIZERS += ["Rprop", "Adafactor"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_takes_its_steps_there(name, gpu):
    make, shape = NETWORKS["mlp"]
    kind = getattr(cr.optim, name)
    here, there = (Training(make, device, kind) for device in ("cpu", "cuda"))
    alike(there.take(batches(shape)[:4]), here.take(batches(shape)[:4]))


def test_parameters_stay_who_they_are(gpu):
    model = mlp()
    before = list(model.parameters())
    model[0].weight.grad = cr.ones(16, 6)
    assert model.cuda() is model
    assert all(a is b for a, b in zip(before, model.parameters(), strict=True))
    assert model[0].weight.grad.is_cuda
    assert all(b.is_cuda for b in model.buffers())
    assert model[1].num_batches_tracked.dtype == np.int64
    assert not any(t.is_cuda for t in (*model.cpu().parameters(), *model.buffers()))
    assert model.to("cuda", cr.float64)[0].weight.dtype == np.float64
    assert model[1].num_batches_tracked.is_cuda


def test_lazy_layers_come_to_be_where_they_were_moved(gpu):
    model = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(2)).to("cuda")
    assert model(cr.ones(3, 5, device="cuda")).is_cuda
    assert all(p.is_cuda for p in model.parameters())


def test_a_state_goes_where_the_module_is(gpu):
    here, there = mlp(), mlp().cuda()
    with cr.no_grad():
        there[0].weight.fill_(2.0)
    here.load_state_dict(there.state_dict())
    assert not here[0].weight.is_cuda
    assert here[0].weight.tolist() == there[0].weight.tolist()
    there.load_state_dict(mlp().state_dict())
    assert there[0].weight.is_cuda
    assert there[0].weight.tolist() == mlp()[0].weight.tolist()


def test_models_in_folders(gpu, tmp_path):
    model = mlp().cuda()
    cr.save(model, tmp_path / "model")
    for where, device in ((None, "cpu"), ("cuda", "cuda:0"), ("cpu", "cpu")):
        found = cr.load(tmp_path / "model", map_location=where)
        assert {str(t.device) for t in found.state_dict().values()} == {device}
        assert found[0].weight.tolist() == model[0].weight.tolist()
    loaded = cr.load(tmp_path / "model", map_location=lambda storage, place: storage)
    assert not loaded[0].weight.is_cuda


@pytest.mark.parametrize("ahead", [True, False])
def test_batches_are_brought_one_ahead(ahead, gpu):
    taken = []

    def some():
        for i in range(3):
            taken.append(i)
            yield {"x": cr.full((2, 2), float(i)).T, "rest": (cr.tensor([i]), "text")}

    for i, batch in enumerate(on_device(some(), "cuda", ahead)):
        assert len(taken) == (min(i + 2, 3) if ahead else i + 1)
        assert batch["x"].is_cuda
        assert batch["x"].tolist() == [[float(i)] * 2] * 2
        assert (batch["rest"][0].tolist(), batch["rest"][1]) == ([i], "text")


def test_a_loader_of_pinned_batches(gpu):
    data = TensorDataset(cr.arange(6.0), cr.arange(6))
    plain = [[t.tolist() for t in batch] for batch in DataLoader(data, 4)]
    pinned = list(DataLoader(data, 4, pin_memory=True, pin_memory_device="cuda"))
    assert all(t.is_pinned() for batch in pinned for t in batch)
    assert [[t.tolist() for t in batch] for batch in pinned] == plain
    there = DataLoader(TensorDataset(*(t.cuda() for t in data.tensors)), 4)
    assert all(t.is_cuda for batch in there for t in batch)
    assert [[t.tolist() for t in batch] for batch in there] == plain
    stacked = DataLoader([(cr.ones(2, device="cuda"), 1)] * 3, 3)
    assert next(iter(stacked))[0].is_cuda


def examples():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 6)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] > 0).astype(np.int64) + (x[:, 2] > 1)


def fitted(device, folder=None, epochs=3, **how):
    model = mlp().to(device)
    history = fit(
        model,
        examples(),
        lr=0.02,
        epochs=epochs,
        batch_size=16,
        validation=examples(),
        max_grad_norm=1.0,
        schedule="cosine",
        generator=cr.Generator(5),
        callbacks=[] if folder is None else [Checkpoint(folder, steps=5, keep=9)],
        compile=False,
        progress=False,
        **how,
    )
    return model, history


def test_fit_trains_where_the_model_is(gpu):
    (here, ours), (there, theirs) = fitted("cpu"), fitted("cuda")
    assert all(p.is_cuda for p in there.parameters())
    alike(theirs["loss"], ours["loss"])
    assert theirs["accuracy"] == ours["accuracy"]
    assert theirs["validation_accuracy"] == ours["validation_accuracy"]
    alike(predict(there, examples()[0]), predict(here, examples()[0]))
    alike(evaluate(there, examples())["loss"], evaluate(here, examples())["loss"])


@pytest.mark.parametrize("order", [("cuda", "cpu"), ("cpu", "cuda")])
def test_a_checkpoint_of_fit_goes_on_on_another_device(order, gpu, tmp_path):
    whole = fitted("cpu")[1]

    fitted(order[0], tmp_path / "run")
    _, last = sorted((tmp_path / "run").glob("step-*"))
    last.unlink()  # as if the run had ended in its second epoch
    resumed = fitted(order[1], tmp_path / "run", resume=tmp_path / "run")[1]
    alike(resumed["loss"], whole["loss"])


def looked_after(device):
    model = mlp().to(device)
    history = fit(
        model,
        examples(),
        lr=0.02,
        epochs=3,
        batch_size=16,
        validation=examples(),
        generator=cr.Generator(5),
        augment=lambda x: x * 1.5,
        callbacks=[EMA(0.5), BestWeights()],
        accumulate=2,
        doctor=True,
        progress=False,
    )
    return model, history


def test_averages_best_weights_and_the_doctor_see_a_model_there(gpu):
    (here, ours), (there, theirs) = looked_after("cpu"), looked_after("cuda")
    alike(theirs["loss"], ours["loss"])
    alike(theirs["validation_loss"], ours["validation_loss"])
    assert theirs.best_epoch == ours.best_epoch
    assert [f.check for f in theirs.findings] == [f.check for f in ours.findings] != []
    for name, kept in there.state_dict().items():
        assert kept.is_cuda
        alike(kept.tolist(), here.state_dict()[name].tolist())


def code_of(*line):
    with pytest.raises(SystemExit) as ended:
        main(list(line))
    return ended.value.code


def test_the_command_line_trains_on_a_gpu(gpu, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    network = ["--model", "mlp", "--hidden", "16", "--epochs", "1"]
    assert code_of("train", "digits", *network, "--device", "cuda", "--out", "run") == 0
    assert "test accuracy" in capsys.readouterr().out
    assert not cr.load("run")[2].weight.is_cuda
    assert code_of("train", "digits", "--device", "cuda:99") == 2
    assert "device 'cuda:99' is not available" in capsys.readouterr().err
    assert code_of("train", "digits", "--device", "cuda", "--engine", "layers") == 2
    assert "computes on the processor, and not on cuda" in capsys.readouterr().err
