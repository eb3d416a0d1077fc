"""L-BFGS: steps by what the last gradients tell of the curvature (floor 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor, enable_grad, no_grad
from chainrule.errors import OptionError
from chainrule.optim.line_search import Point, strong_wolfe
from chainrule.optim.number import AT_LEAST_0
from chainrule.optim.optimizer import Optimizer

__all__ = ["LBFGS"]

_CURVED = 1e-10  # the least y s of a pair that is kept


class LBFGS(Optimizer):
    """L-BFGS: p += t d, d = -H g, H an inverse Hessian from the last pairs of steps and gradients.

    H is never formed: two loops over the pairs (s, y), s a step and y the change of g it brought,
    multiply by it. D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale
    optimization", 1989. For full batches: the loss must be the same function at each call.

    Args:
        params: tensors or named tensors; one group.
        lr: t of each iteration, or the first that the line search tries, at least 0.
        max_iter: iterations in one `step`.
        max_eval: calls of the closure in one `step`; 5/4 `max_iter` if `None`.
        tolerance_grad: `step` ends where no element of g is larger,
        tolerance_change: or where the loss or all of p change less.
        history_size: pairs kept.
        line_search_fn: `None`, or "strong_wolfe".

    Raises:
        OptionError: an option is outside what it may be, or there are several groups.

    Examples:
        >>> p = Tensor([3.0, -1.0], requires_grad=True)
        >>> optimizer = LBFGS([p], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((p - 1) ** 4).sum()
        ...     loss.backward()
        ...     return loss
        >>> first = optimizer.step(closure)
        >>> first.item(), closure().item() < 1e-6
        (32.0, True)
    """

    numbers = {
        "lr": AT_LEAST_0,
        "tolerance_grad": AT_LEAST_0,
        "tolerance_change": AT_LEAST_0,
    }

    def __init__(
        self,
        params: Any,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        if self.param_groups:
            raise OptionError(
                "LBFGS takes one group: its curvature is that of all parameters together"
            )
        if options["line_search_fn"] not in (None, "strong_wolfe"):
            raise OptionError(
                f"line_search_fn must be None or 'strong_wolfe', got {options['line_search_fn']!r}"
            )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take up to `max_iter` iterations.

        Args:
            closure: forgets the gradients, computes the loss and its gradients, returns the loss.

        Returns:
            What `closure` returned first.

        Raises:
            OptionError: there is no closure.
        """
        if closure is None:
            raise OptionError(
                "LBFGS.step needs a closure that computes the loss anew: zero_grad, loss, backward"
            )
        with no_grad():
            return _Descent(self, closure).run()


class _Descent:
    """One `step`: what is known of the place where the parameters are, and the pairs so far."""

    def __init__(self, optimizer: LBFGS, closure: Callable[[], Any]) -> None:
        (self.group,) = optimizer.param_groups
        self.params: list[Tensor] = self.group["params"]
        self.state = optimizer.state[self.params[0]]
        for name, start in {"func_evals": 0, "n_iter": 0}.items():
            self.state.setdefault(name, start)
        for name in ("old_dirs", "old_stps", "ro"):
            self.state.setdefault(name, [])
        self.closure = closure
        self.evaluations = 0

    def run(self) -> Any:
        """Go down, and return the first loss."""
        state, group = self.state, self.group
        first, loss, g = self._measured()
        if _largest(g) <= group["tolerance_grad"]:
            return first
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            state["d"] = d = self._direction(g)
            state["prev_flat_grad"], state["prev_loss"] = g, loss
            slope = _dot(g, d)
            is_first = state["n_iter"] == 1
            t = min(1.0, 1.0 / float(g.abs().sum())) * group["lr"] if is_first else group["lr"]
            state["t"] = t
            if slope > -group["tolerance_change"]:
                break
            last = iteration == group["max_iter"]
            loss, g, state["t"] = self._moved(Point(0.0, loss, g, slope), d, t, last)
            if last or self._is_over(loss, g):
                break
        return first

    def _is_over(self, loss: float, g: Tensor) -> bool:
        """Whether calls, gradient or progress have come to an end."""
        state, least = self.state, self.group["tolerance_change"]
        return (
            self.evaluations >= self.group["max_eval"]
            or _largest(g) <= self.group["tolerance_grad"]
            or _largest(state["d"] * state["t"]) <= least
            or abs(loss - state["prev_loss"]) < least
        )

    def _direction(self, g: Tensor) -> Tensor:
        """Return -H g, after the last step and what it did to g have joined the pairs."""
        state = self.state
        if state["n_iter"] == 1:
            state["H_diag"] = 1.0
            return -g
        changes, steps, weights = state["old_dirs"], state["old_stps"], state["ro"]
        y, s = g - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = _dot(y, s)
        if curvature > _CURVED:
            if len(changes) == self.group["history_size"]:
                for pairs in (changes, steps, weights):
                    del pairs[0]
            changes.append(y)
            steps.append(s)
            weights.append(1.0 / curvature)
            state["H_diag"] = curvature / _dot(y, y)
        q, shares = -g, []
        for y, s, weight in zip(reversed(changes), reversed(steps), reversed(weights), strict=True):
            shares.append(_dot(s, q) * weight)
            q = q - y * shares[-1]
        q = q * state["H_diag"]
        for y, s, weight in zip(changes, steps, weights, strict=True):
            q = q + s * (shares.pop() - _dot(y, q) * weight)
        return q

    def _moved(self, start: Point, d: Tensor, t: float, last: bool) -> tuple[float, Tensor, float]:
        """Move along d; return loss and gradient there, and how far it was."""
        if self.group["line_search_fn"] is None:
            self._add(d, t)
            if last:  # nobody would use what is there
                return start.loss, start.gradient, t
            _, loss, g = self._measured()
            return loss, g, t
        here = [p.detach().clone() for p in self.params]

        def evaluate(t: float) -> Point:
            self._add(d, t)
            _, loss, g = self._measured()
            for p, value in zip(self.params, here, strict=True):
                ops.assign(p, value)
            return Point(t, loss, g, _dot(g, d))

        most = self.group["max_eval"] - self.evaluations
        least = self.group["tolerance_change"]
        found, _ = strong_wolfe(evaluate, start, t, _largest(d), least, most)
        self._add(d, found.t)
        return found.loss, found.gradient, found.t

    def _measured(self) -> tuple[Any, float, Tensor]:
        """What the closure returns, the loss as a number, and all gradients in a row."""
        with enable_grad():
            result = self.closure()
        self.evaluations += 1
        self.state["func_evals"] += 1
        grads = [p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1)
                 for p in self.params]  # fmt: skip
        return result, float(result), ops.cat(grads).clone()

    def _add(self, d: Tensor, t: float) -> None:
        """Move the parameters by t d."""
        begin = 0
        for p in self.params:
            end = begin + p.numel()
            ops.assign(p, p + d[begin:end].reshape(p.shape) * t)
            begin = end


def _dot(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum())


def _largest(x: Tensor) -> float:
    return float(x.abs().max())
