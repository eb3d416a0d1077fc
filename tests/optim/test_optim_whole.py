"""Optimisers that need more than a gradient of any shape: L-BFGS, Muon, SparseAdam."""

import numpy as np
import pytest

from chainrule import optim
from chainrule.autograd import Tensor, tensor, zeros
from chainrule.optim.line_search import Point, strong_wolfe
from optim.twins import Network, Quadratic, ours, theirs

# --- L-BFGS -------------------------------------------------------------------------------------

LBFGS_ROWS = [
    {"lr": 0.1},
    {"lr": 0.5, "max_iter": 5, "history_size": 3},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "lr": 0.3, "max_iter": 7, "history_size": 2},
    {"line_search_fn": "strong_wolfe", "max_iter": 20, "max_eval": 6},
    {"line_search_fn": "strong_wolfe", "tolerance_change": 1e-3},
    {"line_search_fn": "strong_wolfe", "tolerance_grad": 1e-1},
]


def stepped(twin):
    """One step by a closure; the loss before it, and how often it was asked for."""
    calls = []

    def closure():
        calls.append(1)
        twin.optimizer.zero_grad()
        loss = twin.problem.loss(twin.params, twin.data)
        loss.backward()
        return loss

    return twin.optimizer.step(closure).item(), len(calls)


def same_path(a, b, steps, rtol=1e-9):
    for _ in range(steps):
        (loss, calls), (expected, expected_calls) = stepped(a), stepped(b)
        assert loss == pytest.approx(expected, rel=rtol, abs=rtol)
        assert calls == expected_calls
        for x, y in zip(a.numbers(), b.numbers(), strict=True):
            np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("options", LBFGS_ROWS, ids=str)
@pytest.mark.parametrize("problem", [Quadratic(), Network()], ids=["quadratic", "network"])
def test_lbfgs_as_pytorch(problem, options, torch):
    a, b = ours(problem, "LBFGS", options), theirs(torch, problem, "LBFGS", options)
    same_path(a, b, 3)


def test_lbfgs_goes_all_the_way_on_rosenbrocks_valley(torch):
    class Valley:
        start = [np.array([-1.2, 1.0])]
        data = []

        def loss(self, params, data):
            (p,) = params
            return 100 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2

    options = {"line_search_fn": "strong_wolfe", "max_iter": 100, "tolerance_change": 1e-12}
    a, b = ours(Valley(), "LBFGS", options), theirs(torch, Valley(), "LBFGS", options)
    stepped(a)
    stepped(b)
    np.testing.assert_allclose(a.numbers()[0], [1, 1], atol=1e-6)
    np.testing.assert_allclose(b.numbers()[0], [1, 1], atol=1e-6)


def test_states_of_lbfgs_go_on_in_another_process_and_in_pytorch(torch):
    options = {"line_search_fn": "strong_wolfe", "max_iter": 4}
    a, b = (ours(Network(), "LBFGS", options) for _ in range(2))
    c = theirs(torch, Network(), "LBFGS", options)
    stepped(a)
    stepped(c)
    saved, expected = a.optimizer.state_dict(), c.optimizer.state_dict()
    assert set(saved["state"][0]) <= set(expected["state"][0])
    assert saved["state"][0]["n_iter"] == expected["state"][0]["n_iter"] == 4
    for p, q in zip(a.params, b.params, strict=True):
        q.array[...] = p.array
    b.optimizer.load_state_dict(saved)
    assert stepped(a) == stepped(b)
    d = ours(Network(), "LBFGS", options)
    for p, q in zip(c.params, d.params, strict=True):
        q.array[...] = p.detach().numpy()
    state = {0: {k: of_theirs(v, torch) for k, v in expected["state"][0].items()}}
    d.optimizer.load_state_dict({**expected, "state": state})
    same_path(d, c, 2)


def of_theirs(value, torch):
    if isinstance(value, torch.Tensor):
        return Tensor(value.numpy()) if value.ndim else value.item()
    return [of_theirs(v, torch) for v in value] if isinstance(value, list) else value


def test_lbfgs_stops_where_there_is_nothing_to_do_and_allows_for_missing_gradients():
    p, q = tensor([0.0], requires_grad=True), tensor([1.0], requires_grad=True)
    optimizer = optim.LBFGS([p, q])

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 0
    assert (p.item(), q.item()) == (0, 1)
    assert optimizer.state[p]["func_evals"] == 1


def test_a_line_search_on_lines_that_are_no_parabolas():
    def on(function, slope):
        return lambda t: Point(t, function(t), None, slope(t))

    for evaluate in (
        on(lambda t: np.sin(3 * t) - t / 5, lambda t: 3 * np.cos(3 * t) - 0.2),
        on(lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2),
        on(lambda t: (t - 8) ** 4, lambda t: 4 * (t - 8) ** 3),
    ):
        start = evaluate(0.0)
        if start.slope > 0:
            backwards = evaluate
            evaluate = lambda t, f=backwards: f(-t)._replace(t=t, slope=-f(-t).slope)  # noqa: E731
            start = evaluate(0.0)
        for t in (0.01, 1.0, 50.0):
            found, tries = strong_wolfe(evaluate, start, t, 1.0, 1e-12, 25)
            assert found.loss <= start.loss + 1e-4 * found.t * start.slope
            assert abs(found.slope) <= 0.9 * abs(start.slope)
            assert tries <= 26


# --- Muon and SparseAdam ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.01, "momentum": 0.8, "nesterov": False, "weight_decay": 0.0},
        {"adjust_lr_fn": "match_rms_adamw", "ns_steps": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
def test_muon_as_pytorch(shape, options, torch):
    """PyTorch makes matrices orthogonal in bfloat16, which has three decimal digits."""
    rng = np.random.default_rng(0)
    start, slopes = rng.normal(size=shape), rng.normal(size=(10, *shape))
    p = Tensor(start, requires_grad=True)
    q = torch.tensor(start, requires_grad=True)
    a, b = optim.Muon([p], **options), torch.optim.Muon([q], **options)
    for slope in slopes:
        p.grad, q.grad = Tensor(slope), torch.tensor(slope)
        a.step()
        b.step()
    moved = np.abs(q.detach().numpy() - start).max()
    np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=0, atol=0.05 * moved)
    np.testing.assert_allclose(
        a.state[p]["momentum_buffer"].numpy(), b.state[q]["momentum_buffer"].numpy(), rtol=1e-12
    )


def test_muons_direction_is_nearly_orthogonal():
    start = np.random.default_rng(0).normal(size=(4, 6))
    p = Tensor(np.zeros((4, 6)), requires_grad=True)
    optimizer = optim.Muon([p], lr=1.0, weight_decay=0, nesterov=False)
    p.grad = Tensor(start)
    optimizer.step()
    u, _, v = np.linalg.svd(start, full_matrices=False)
    found = np.diag(u.T @ -p.detach().numpy() @ v.T)
    assert (found > 0.5).all()
    assert (found < 1.5).all()
    np.testing.assert_allclose(u.T @ -p.detach().numpy() @ v.T, np.diag(found), atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"lr": 0.1, "betas": (0.5, 0.9), "maximize": True}])
def test_sparse_adam_as_pytorch(options, torch):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(6, 3))
    p, q = Tensor(start, requires_grad=True), torch.tensor(start, requires_grad=True)
    a, b = optim.SparseAdam([p], **options), torch.optim.SparseAdam([q], **options)
    for _ in range(20):
        slope = rng.normal(size=(6, 3)) * (rng.random((6, 1)) < 0.4)
        p.grad, q.grad = Tensor(slope), torch.tensor(slope).to_sparse(1)
        a.step()
        b.step()
    np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-12)


def test_composite_steps_run_compiled():
    from chainrule import compile as compiled

    for name in ("Adadelta", "Adamax", "NAdam", "RAdam", "Rprop", "ASGD", "Adafactor"):
        results = []
        for quick in (False, True):
            p = Tensor(np.ones((3, 4)), requires_grad=True)
            optimizer = getattr(optim, name)([p], lr=0.05)

            def step(x, p=p, optimizer=optimizer):
                optimizer.zero_grad()
                loss = ((p * x).sum() - 1.0) ** 2
                loss.backward()
                optimizer.step()
                return loss

            taken = compiled(step) if quick else step
            for i in range(12):
                if i == 6:
                    optimizer.param_groups[0]["lr"] = 0.01
                taken(Tensor(np.arange(12.0).reshape(3, 4) / 12))
            results.append(p.detach().numpy().copy())
        np.testing.assert_allclose(results[0], results[1], rtol=1e-9, err_msg=name)


def test_zeros_are_no_trouble():
    for name in (
        "Adadelta",
        "Adamax",
        "NAdam",
        "RAdam",
        "Rprop",
        "ASGD",
        "Adafactor",
        "SparseAdam",
    ):
        p = zeros(2, 2, requires_grad=True)
        optimizer = getattr(optim, name)([p])
        p.grad = zeros(2, 2)
        optimizer.step()
        assert p.tolist() == [[0, 0], [0, 0]], name
