"""Every operation of the table on symbols: what is written evaluates to what autograd finds."""

from __future__ import annotations

import numpy as np

from chainrule.autograd import Tensor, grad, tensor
from chainrule.explain.equations.network import Derivation
from derivations import computed
from test_cases import every, flat, is_smooth, plain, weights


@every(is_smooth)
def test_equations_give_the_gradients_of_autograd(case):
    arrays = case.arrays()
    wanted = case.wanted()
    xs = [tensor(arrays[i]).requires_grad_() for i in wanted]

    def weighted(*ts):
        inputs = list(arrays)
        for i, t in zip(wanted, ts):
            inputs[i] = t
        made = [Tensor(a) if is_plain(a) else a for a in inputs]
        y = flat(case.ours(*made))
        return (y * Tensor(weights(y.numel()))).sum()

    derivation = Derivation(weighted, tuple(xs))
    values = computed(derivation.equations())
    for t, g in zip(xs, grad(weighted(*xs), xs, allow_unused=True)):
        label = f"d{derivation.names.leaves[id(t.array)].label}"
        if g is None:
            assert label not in values
        else:
            np.testing.assert_allclose(values[label], plain(g), rtol=1e-7, atol=1e-9)


def is_plain(a):
    return isinstance(a, np.ndarray) and a.dtype != np.uint64
