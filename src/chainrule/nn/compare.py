"""Losses as functions, with PyTorch's names and arguments (floor 3).

The formulas are in `ops`. PyTorch's functions take, between the others, two arguments of former
days: `size_average` and `reduce` are what `reduction` is today.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor, full_like
from chainrule.errors import OptionError
from chainrule.nn.squashed import refusing
from chainrule.ops.margins import triplet_loss

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "ctc_loss",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "margin_ranking_loss",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]

Loss = Callable[..., Any]


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str = "mean") -> str:
    """Return the reduction that the former words mean; today's, where they are not used.

    Examples:
        >>> reduction_of(False, None)
        'sum'

    Raises:
        OptionError: one is a tensor, as where the class of a loss is called with what it compares.
    """
    for word in (size_average, reduce, reduction):
        if isinstance(word, Tensor):
            raise OptionError(
                "a loss is made first and called then: nn.MSELoss()(prediction, target), or "
                f"F.mse_loss(prediction, target); got a tensor of shape {tuple(word.shape)} where "
                "an option of the loss is expected"
            )
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


def _offered(loss: Loss, arguments: str) -> Loss:
    """`loss` with PyTorch's arguments, in PyTorch's order."""
    names = arguments.split()
    known = inspect.signature(loss).parameters
    own = list(known)
    taken = sum(known[n].default is inspect.Parameter.empty for n in own)
    signature = inspect.Signature(
        [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=known[name].default if name in known else None,
            )
            if i >= taken
            else inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            for i, name in enumerate(names)
        ]
    )
    plain = frozenset(own[taken:])

    def function(*args: Any, **kwargs: Any) -> Any:
        if len(args) == taken and plain.issuperset(kwargs):
            return loss(*args, **kwargs)
        given = signature.bind(*args, **kwargs).arguments
        words = given.pop("size_average", None), given.pop("reduce", None)
        if words != (None, None):
            given["reduction"] = reduction_of(*words)
        compared = [given.pop(name) for name in names[:taken]]
        return loss(*compared, **given)

    function.__name__ = function.__qualname__ = loss.__name__
    function.__doc__ = loss.__doc__
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


_LOGARITHMS = (
    "takes logarithms of probabilities, and was given what {squashed} gave; put log_softmax in its "
    "place, or .log() behind it"
)

mse_loss = _offered(ops.mse_loss, "input target size_average reduce reduction weight")
l1_loss = _offered(ops.l1_loss, "input target size_average reduce reduction weight")
huber_loss = _offered(ops.huber_loss, "input target reduction delta weight")
smooth_l1_loss = _offered(ops.smooth_l1_loss, "input target size_average reduce reduction beta")
cross_entropy = _offered(
    refusing(
        ops.cross_entropy,
        "has a softmax of its own, and the prediction has been through {squashed} already, which "
        "leaves little to learn by; give it the scores, without {squashed} at the end of the "
        "network, and use it where you want probabilities",
    ),
    "input target weight size_average ignore_index reduce reduction label_smoothing",
)
nll_loss = _offered(
    refusing(ops.nll_loss, _LOGARITHMS),
    "input target weight size_average ignore_index reduce reduction",
)
multi_margin_loss = _offered(
    ops.multi_margin_loss, "input target p margin weight size_average reduce reduction"
)
hinge_embedding_loss = _offered(
    ops.hinge_embedding_loss, "input target margin size_average reduce reduction"
)
soft_margin_loss = _offered(ops.soft_margin_loss, "input target size_average reduce reduction")
binary_cross_entropy = _offered(
    ops.binary_cross_entropy, "input target weight size_average reduce reduction"
)
binary_cross_entropy_with_logits = _offered(
    refusing(
        ops.binary_cross_entropy_with_logits,
        "has a sigmoid of its own, and the prediction has been through {squashed} already, which "
        "leaves little to learn by; give it the scores, without {squashed} at the end of the "
        "network, or use binary_cross_entropy",
    ),
    "input target weight size_average reduce reduction pos_weight",
)
kl_div = _offered(
    refusing(ops.kl_div, _LOGARITHMS), "input target size_average reduce reduction log_target"
)
margin_ranking_loss = _offered(
    ops.margin_ranking_loss, "input1 input2 target margin size_average reduce reduction"
)
cosine_embedding_loss = _offered(
    ops.cosine_embedding_loss, "input1 input2 target margin size_average reduce reduction"
)
triplet_margin_loss = _offered(
    ops.triplet_margin_loss,
    "anchor positive negative margin p eps swap size_average reduce reduction",
)
multilabel_margin_loss = _offered(
    ops.multilabel_margin_loss, "input target size_average reduce reduction"
)
multilabel_soft_margin_loss = _offered(
    ops.multilabel_soft_margin_loss, "input target weight size_average reduce reduction"
)
poisson_nll_loss = _offered(
    ops.poisson_nll_loss, "input target log_input full size_average eps reduce reduction"
)
ctc_loss = _offered(
    ops.ctc_loss,
    "log_probs targets input_lengths target_lengths blank reduction zero_infinity",
)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:
    """(ln var + (x - target)^2 / var) / 2, var at least eps; see `ops.gaussian_nll_loss`.

    As in PyTorch a variance that is raised to eps has the slope of one that is not.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> gaussian_nll_loss(tensor([1.0]), tensor([3.0]), tensor([1.0]))
        tensor(2.)
    """
    if isinstance(var, (int, float)):
        var = full_like(input, var)
    raised = var + (ops.clip(var.detach(), min=eps) - var.detach())
    return ops.gaussian_nll_loss(input, target, raised, full, 0.0, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """max(0, margin + d(anchor, positive) - d(anchor, negative)) with a distance of one's own.

    Args:
        anchor: as the distance takes it.
        positive: what should be near.
        negative: what should be far.
        distance_function: d; the euclidean one if `None`.
        margin: by how much.
        swap: whether the negative's distance is the lesser of those to anchor and positive.
        reduction: "mean", "sum" or "none".

    Examples:
        >>> from chainrule.autograd import tensor
        >>> a, b = tensor([[0.0]]), tensor([[2.0]])
        >>> d = lambda x, y: (x - y).abs().sum(-1)
        >>> triplet_margin_with_distance_loss(a, b, a, distance_function=d)
        tensor(3.)
    """
    distance = distance_function or ops.pairwise_distance
    far = distance(anchor, negative)
    if swap:
        far = ops.minimum(far, distance(positive, negative))
    return triplet_loss(distance(anchor, positive), far, margin, reduction)
