"""The functions beside the layers: what no layer calls, or calls in one way only."""

import inspect

import numpy as np
import pytest

from chainrule import nn
from chainrule.autograd import Generator, from_numpy, ones, tensor
from chainrule.nn import functional as F
from nn.oracle import backward, close, inputs
from nn.rows import ACTIVATIONS, LAYERS, LOSSES, between, given, normal, whole
from nn.rows_sequences import SEQUENCES
from nn.rows_windows import WINDOWS

# name, inputs, options; called alike in both libraries
ROWS = [
    ("hardtanh", [normal(4, 5, scale=2)], {}),
    ("hardtanh", [given(-2.0, -0.5, 0.0, 1.5, 3.0)], {"min_val": -0.5, "max_val": 1.5}),
    ("logsigmoid", [given(-1000.0, -3.0, 0.0, 3.0, 1000.0)], {}),
    ("linear", [normal(4, 5), normal(3, 5), normal(3)], {}),
    ("linear", [normal(4, 5), normal(3, 5)], {}),
    ("conv2d", [normal(2, 4, 6, 5), normal(6, 2, 3, 3), normal(6)], {"padding": 1, "groups": 2}),
    ("pad", [normal(2, 3)], {"pad": (1, 2)}),
    ("pad", [normal(2, 3, 4)], {"pad": (0, 1, 2, 0), "value": 0.5}),
    ("embedding", [whole(2, 3, below=5), normal(5, 4)], {}),
    ("embedding", [whole(2, 3, below=5), normal(5, 4)], {"padding_idx": 3}),
    ("layer_norm", [normal(4, 5)], {"normalized_shape": (5,)}),
    ("batch_norm", [normal(4, 3), normal(3), between(0.5, 2.0, 3)], {}),
    (
        "batch_norm",
        [normal(4, 3, 2), normal(3), between(0.5, 2.0, 3), normal(3), normal(3)],
        {"eps": 0.1},
    ),
    ("max_pool2d", [normal(2, 3, 6, 7)], {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("avg_pool2d", [normal(2, 3, 6, 7)], {"kernel_size": 3, "count_include_pad": False}),
    ("affine_grid", [normal(2, 2, 3)], {"size": (2, 1, 3, 4), "align_corners": True}),
    ("grid_sample", [normal(1, 2, 4, 5), normal(1, 3, 2, 2)], {"align_corners": False}),
    ("interpolate", [normal(1, 2, 4, 5)], {"scale_factor": 1.5, "mode": "bilinear"}),
    ("upsample", [normal(1, 2, 4, 5)], {"size": 7}),
    ("upsample_nearest", [normal(1, 2, 4, 5)], {"scale_factor": 2}),
    ("upsample_bilinear", [normal(1, 2, 4, 5)], {"size": (6, 3)}),
    ("dropout", [normal(3, 4)], {"training": False}),
    ("dropout", [normal(3, 4)], {"p": 1.0}),
    ("one_hot", [whole(2, 3, below=5)], {"num_classes": 7}),
    ("one_hot", [given(0, 3, 1)], {}),
    ("flatten", [normal(2, 3, 4)], {"start_dim": 1}),
    ("gelu", [normal(3, 4)], {"approximate": "tanh"}),
    ("normalize", [normal(4, 3)], {}),
    ("normalize", [normal(4, 3, 2)], {"p": 3.0, "dim": -1}),
    ("pdist", [normal(5, 3)], {}),
    ("scaled_dot_product_attention", [normal(2, 4, 3), normal(2, 5, 3), normal(2, 5, 6)], {}),
    ("softmax", [normal(3, 4)], {"dim": 0}),
    ("softmin", [normal(3, 4)], {"dim": 0}),
    ("rrelu", [normal(3, 4)], {}),
    ("glu", [normal(3, 4, 2)], {"dim": 1}),
    ("cross_entropy", [normal(6, 4), whole(6, below=4)], {"label_smoothing": 0.1}),
]


def functional(torch, name):
    """PyTorch keeps a few of them elsewhere."""
    return getattr(torch.nn.functional, name, None) or getattr(torch, name)


@pytest.mark.filterwarnings("ignore:.*is deprecated")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "draws", "options"), ROWS, ids=[f"{name}{options}" for name, _, options in ROWS]
)
def test_as_pytorch(name, draws, options, dtype, torch):
    rng = np.random.default_rng(5)
    xs, ts = inputs([draw(rng) for draw in draws], dtype, torch)
    if name == "batch_norm":  # PyTorch has no gradient by the running values
        xs[1:3], ts[1:3] = ([v.detach() for v in vs[1:3]] for vs in (xs, ts))
    y, t = getattr(F, name)(*xs, **options), functional(torch, name)(*ts, **options)
    close(y, t, "value")
    backward(y, t, rng, torch)
    for i, (x, tx) in enumerate(zip(xs, ts)):
        if tx.grad is not None or x.requires_grad:
            close(x.grad, tx.grad, f"gradient by argument {i}")


def test_batch_norm_in_training_moves_what_it_is_given(torch):
    rng = np.random.default_rng(0)
    x, mean, var = rng.normal(size=(4, 3, 2)), rng.normal(size=3), rng.uniform(1, 2, 3)
    (ox, om, ov), (tx, tm, tv) = inputs([x, mean, var], "float64", torch)
    om, ov, tm, tv = (v.detach() for v in (om, ov, tm, tv))
    for _ in range(2):
        close(
            F.batch_norm(ox, om, ov, training=True, momentum=0.3),
            torch.nn.functional.batch_norm(tx, tm, tv, training=True, momentum=0.3),
            "value",
        )
    close(om, tm, "running mean")
    close(ov, tv, "running variance")


def test_every_function_is_tried():
    """Here, or by the layer or loss that is named after it."""
    by_layers = {row.kind.lower() for row in [*LAYERS, *ACTIVATIONS, *LOSSES, *SEQUENCES, *WINDOWS]}
    tried = {name for name, _, _ in ROWS} | {name for name, _ in IN_PLACE} | {"gumbel_softmax"}
    # In test_nn_windows.py.
    tried |= {name for name in F.__all__ if "_with_indices" in name or "unpool" in name}
    tried |= {name for name in F.__all__ if name.startswith("fractional")}
    forgotten = []
    for name in F.__all__:
        plain = name.replace("_", "")
        named_after = {plain, f"{plain}loss"} | {f"{plain}{d}" for d in ("1d", "2d")}
        aliases = {
            "binarycrossentropy": "bceloss",
            "multiheadattentionforward": "multiheadattention",
            "binarycrossentropywithlogits": "bcewithlogitsloss",
        }
        if (
            name not in tried
            and not named_after & by_layers
            and aliases.get(plain) not in by_layers
        ):
            forgotten.append(name)
    assert not forgotten


@pytest.mark.parametrize("name", F.__all__)
def test_arguments_are_named_and_ordered_as_in_pytorch(name, torch):
    theirs = functional(torch, name)
    try:
        wanted = list(inspect.signature(theirs).parameters)
    except ValueError:  # built into PyTorch, without a signature
        return
    if "args" in wanted:
        return
    ours = list(inspect.signature(getattr(F, name)).parameters)
    known = [p for p in ours if p in wanted]
    assert known == [p for p in wanted if p in known], "another order"
    new = set(ours) - set(wanted) - {"x", "generator", "state", "lambd"}
    assert not new, "names of our own"


# --- in place -----------------------------------------------------------------------------------

IN_PLACE = [
    ("relu_", ()),
    ("leaky_relu_", (0.2,)),
    ("elu_", (0.5,)),
    ("celu_", (0.5,)),
    ("selu_", ()),
    ("hardtanh_", (-0.5, 0.5)),
    ("threshold_", (0.1, 2.0)),
    ("rrelu_", ()),
    *((name, None) for name in ("relu", "relu6", "silu", "mish", "hardswish", "hardsigmoid")),
]


@pytest.mark.parametrize(("name", "arguments"), IN_PLACE)
def test_in_place_as_pytorch(name, arguments, torch):
    """The input takes over the result, and the gradient of what was before is right."""
    options = {"inplace": True} if arguments is None else {}
    (x,), (t,) = inputs([np.random.default_rng(0).normal(size=(3, 4))], "float32", torch)
    inner, their_inner = x * 2, t * 2
    y = getattr(F, name)(inner, *(arguments or ()), **options)
    theirs = functional(torch, name)(their_inner, *(arguments or ()), **options)
    assert y is inner
    close(inner, their_inner, "what was put in")
    (y * y).sum().backward()
    (theirs * theirs).sum().backward()
    close(x.grad, t.grad, "gradient", 2)


def test_in_place_modules_change_what_they_are_given():
    x = tensor([-1.0, 2.0])
    assert nn.ReLU(inplace=True)(x) is x
    assert x.tolist() == [0.0, 2.0]
    assert nn.ReLU()(x) is not x


# --- at random ----------------------------------------------------------------------------------


def test_gumbel_softmax_draws_by_the_probabilities():
    scores = tensor([0.1, 0.2, 0.7]).log() * ones(20000, 1)
    drawn = F.gumbel_softmax(scores, hard=True, generator=Generator(1))
    assert set(drawn.numpy().ravel().tolist()) == {0.0, 1.0}
    # Five standard deviations of a share of 20,000.
    np.testing.assert_allclose(drawn.mean(0).numpy(), [0.1, 0.2, 0.7], atol=0.017)
    soft = F.gumbel_softmax(scores, tau=0.5, generator=Generator(1))
    np.testing.assert_array_equal(soft.argmax(1), drawn.argmax(1))


def test_a_hard_gumbel_softmax_has_the_slope_of_the_soft_one():
    gradients = []
    for hard in (True, False):
        x = tensor([0.5, -1.0, 2.0], requires_grad=True)
        y = F.gumbel_softmax(x, 0.7, hard, generator=Generator(2))
        (y * tensor([1.0, 2.0, 3.0])).sum().backward()
        gradients.append(x.grad.numpy())
    np.testing.assert_allclose(*gradients, rtol=1e-6)


def test_rrelu_draws_slopes_in_training():
    x = -ones(20000)
    slopes = -nn.RReLU(0.2, 0.6, generator=Generator(1))(x).numpy()
    assert slopes.min() >= 0.2
    assert slopes.max() < 0.6
    assert abs(slopes.mean() - 0.4) < 0.005
    assert nn.RReLU(0.2, 0.6).eval()(x)[0].item() == pytest.approx(-0.4)


def test_softmax_in_another_dtype():
    y = F.softmax(tensor([1, 1]), dim=0, dtype=np.float64)
    assert y.dtype == np.float64
    assert y.tolist() == [0.5, 0.5]


def test_softmax_without_a_dimension_guesses_as_pytorch(torch):
    for shape in [(3,), (3, 4), (2, 3, 4), (2, 3, 4, 2)]:
        x = np.random.default_rng(0).normal(size=shape)
        with pytest.warns(UserWarning, match="Implicit dimension choice"):
            wanted = torch.nn.functional.softmax(torch.tensor(x))
        close(F.softmax(from_numpy(x)), wanted, str(shape))


def test_dropout_needs_no_layer():
    assert nn.functional is F
