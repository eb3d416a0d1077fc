"""The equations of whole networks: as in the textbook, and right as autograd finds them."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import manual_seed, nn
from chainrule.autograd import tensor
from chainrule.errors import OptionError
from chainrule.explain.equations.network import Derivation
from chainrule.explain.equations.writing.text import written
from chainrule.nn import functional as F
from chainrule.random import get_rng_state
from derivations import computed

IMAGES, ROWS = (2, 3, 6, 6), (6, 4)


def normal(*shape, seed=0, grad=False):
    t = tensor(np.random.default_rng(seed).standard_normal(shape))
    return t.requires_grad_() if grad else t


def labels(count, classes, seed=0):
    return tensor(np.random.default_rng(seed).integers(0, classes, count))


def one_hot(classes, picked):
    return tensor(np.eye(classes)[picked].T)


def said(equations, way):
    """The lines of one way, as text."""
    return [
        f"{written(line.left)} = {written(line.right)}"
        for section in equations.sections
        if section.way == way
        for line in section.lines
    ]


# --- as in the textbook -------------------------------------------------------------------------


def test_linear_regression():
    derived = Derivation(nn.Linear(3, 1), normal(16, 3), normal(16, 1, seed=1), F.mse_loss)
    equations = derived.equations()
    assert said(equations, "forward") == ["Ŷ = X Wᵀ + b", "L = mse_loss(Ŷ, Y)"]
    assert said(equations, "backward") == [
        "dŶ = 2 (Ŷ − Y)",
        "dW = dŶᵀ X / m",
        "db = sum₀(dŶ) / m",
    ]


IN_COLUMNS = [
    "dZ₂ = A₂ − Y",
    "dW₂ = dZ₂ A₁ᵀ / m",
    "db₂ = sum₁(dZ₂) / m",
    "dZ₁ = W₂ᵀ dZ₂ ⊙ ReLU′(Z₁)",
    "dW₁ = dZ₁ Xᵀ / m",
    "db₁ = sum₁(dZ₁) / m",
]


def by_logarithm(A, Y):
    return -(Y * A.log()).sum() / Y.shape[1]


def by_label(A, Y):
    return -((Y * A).sum(0)).log().mean()


def by_function(Z):
    return F.softmax(Z, 0)


def by_exponentials(Z):
    E = (Z - Z.max(0, keepdim=True)[0]).exp()
    return E / E.sum(0, keepdim=True)


@pytest.mark.parametrize("softmax", [by_function, by_exponentials])
@pytest.mark.parametrize("loss", [by_logarithm, by_label])
def test_digits_by_equations_in_columns(softmax, loss):
    W1, b1 = normal(10, 12, grad=True), normal(10, 1, seed=1, grad=True)
    W2, b2 = normal(4, 10, seed=2, grad=True), normal(4, 1, seed=3, grad=True)

    def net(X):
        Z1 = W1 @ X + b1
        A1 = F.relu(Z1)
        return softmax(W2 @ A1 + b2)

    equations = Derivation(net, normal(12, 6), one_hot(4, [0, 3, 1, 1, 2, 0]), loss).equations()
    assert said(equations, "forward")[:4] == [
        "Z₁ = W₁ X + b₁",
        "A₁ = ReLU(Z₁)",
        "Z₂ = W₂ A₁ + b₂",
        "A₂ = softmax(Z₂)",
    ]
    assert said(equations, "backward") == IN_COLUMNS


def test_digits_by_layers_in_rows():
    net = nn.Sequential(nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 4))
    equations = Derivation(net, normal(6, 12), labels(6, 4), nn.CrossEntropyLoss()).equations()
    assert said(equations, "forward") == [
        "Z₁ = X W₁ᵀ + b₁",
        "A₁ = ReLU(Z₁)",
        "Z₂ = A₁ W₂ᵀ + b₂",
        "A₂ = softmax(Z₂)",
        "Y = onehot(y)",
        "L = cross_entropy(Z₂, y)",
    ]
    assert said(equations, "backward") == [
        "dZ₂ = A₂ − Y",
        "dW₂ = dZ₂ᵀ A₁ / m",
        "db₂ = sum₀(dZ₂) / m",
        "dZ₁ = dZ₂ W₂ ⊙ ReLU′(Z₁)",
        "dW₁ = dZ₁ᵀ X / m",
        "db₁ = sum₀(dZ₁) / m",
    ]


def test_attention_head():
    Wq, Wk, Wv = (normal(8, 8, seed=i, grad=True) for i in range(3))

    def head(X):
        Q, K, V = X @ Wq.T, X @ Wk.T, X @ Wv.T
        return F.softmax(Q @ K.T / 8**0.5, -1) @ V

    equations = Derivation(head, normal(5, 8)).equations()
    assert said(equations, "forward") == [
        "Q = X W_qᵀ",
        "K = X Wₖᵀ",
        "V = X Wᵥᵀ",
        "S = Q Kᵀ / √8",
        "A = softmax(S)",
        "O = A V",
    ]
    assert said(equations, "backward") == [
        "dA = dO Vᵀ",
        "dS = A ⊙ (dA − sum₁(dA ⊙ A))",
        "dV = Aᵀ dO",
        "dWᵥ = dVᵀ X",
        "dK = dSᵀ Q / √8",
        "dWₖ = dKᵀ X",
        "dQ = dS K / √8",
        "dW_q = dQᵀ X",
    ]


def test_layer_norm_gets_names_for_what_it_repeats():
    equations = Derivation(nn.LayerNorm(4), normal(5, 4, grad=True)).equations()
    assert said(equations, "backward") == [
        "U₁ = X − mean₁(X)",
        "U₂ = mean₁(U₁²) + 1e−5",
        "dX = (dN ⊙ γ − mean₁(dN ⊙ γ ⊙ U₁) ⊙ U₁ / U₂ − mean₁(dN ⊙ γ)) / √U₂",
        "dγ = sum₀(dN ⊙ U₁ / √U₂)",
        "dβ = sum₀(dN)",
    ]


ACTIVATIONS = {
    F.sigmoid: "dA ⊙ A ⊙ (1 − A)",
    F.tanh: "dA ⊙ (1 − A²)",
    F.relu: "dA ⊙ ReLU′(X)",
    F.silu: "dA ⊙ σ(X) ⊙ (1 + X ⊙ (1 − σ(X)))",
    F.softplus: "σ(X) ⊙ dA",
    F.logsigmoid: "dA ⊙ σ(−X)",
    F.leaky_relu: "dA ⊙ where([X > 0], 1, 0.01)",
    F.hardtanh: "dA ⊙ [X > −1] ⊙ [X < 1]",
    F.softmax: "A ⊙ (dA − sum₁(dA ⊙ A))",
    F.log_softmax: "dA − sum₁(dA) ⊙ softmax(X)",
}


@pytest.mark.parametrize("f", ACTIVATIONS, ids=lambda f: f.__name__)
def test_activations_by_their_outputs(f):
    def net(X):
        return f(X, -1) if "softmax" in f.__name__ else f(X)

    equations = Derivation(net, normal(4, 3, grad=True)).equations()
    assert written(equations["dX"].right) == ACTIVATIONS[f]


LOSSES = {
    F.binary_cross_entropy_with_logits: "σ(Ŷ) − Y",
    F.mse_loss: "2 (Ŷ − Y)",
    F.l1_loss: "sign(Ŷ − Y)",
    F.poisson_nll_loss: "exp(Ŷ) − Y",
}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_losses_of_numbers(loss):
    numbers = tensor(np.random.default_rng(3).random((4, 5)))
    equations = Derivation(nn.Linear(3, 5), normal(4, 3), numbers, loss).equations()
    assert written(equations["dŶ"].right) == LOSSES[loss]


def test_what_is_used_twice_adds_up():
    layer = nn.Linear(4, 4)
    net = nn.Sequential(layer, nn.Tanh(), layer)
    equations = Derivation(net, normal(*ROWS), normal(*ROWS, seed=1), F.mse_loss).equations()
    assert written(equations["dW"].right) == "(dŶᵀ A + dZᵀ X) / m"


def test_a_penalty_has_no_m():
    W = normal(4, 4, grad=True)

    def loss(A, Y):
        return F.mse_loss(A, Y) + 0.01 * (W**2).sum()

    derived = Derivation(lambda X: X @ W, normal(*ROWS), normal(*ROWS, seed=1), loss)
    assert written(derived.equations()["dW"].right) == "Xᵀ dŶ / m + W / 50"


# --- right, as autograd finds it ----------------------------------------------------------------


class Last(nn.Module):
    """A recurrent layer, and a linear one of its last state."""

    def __init__(self, kind):
        super().__init__()
        self.walk, self.out = kind(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x):
        return self.out(self.walk(x)[0][:, -1])


class Attentive(nn.Module):
    """Attention of a sequence to itself."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x, need_weights=False)[0]


class Residual(nn.Module):
    """What goes around a layer and what goes through it."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x):
        return x + F.gelu(self.inner(x))


NETWORKS = {
    "convolution": lambda: (
        nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 5)
        ),
        normal(*IMAGES),
        labels(2, 5),
        F.cross_entropy,
    ),
    "strided": lambda: (
        nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.AvgPool2d(2), nn.Flatten()),
        normal(*IMAGES),
        normal(2, 4, seed=1),
        F.smooth_l1_loss,
    ),
    "batch norm": lambda: (
        nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()),
        normal(*IMAGES),
        normal(2, 64, seed=1),
        F.mse_loss,
    ),
    "batch norm in use": lambda: (
        nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).eval(),
        normal(*ROWS),
        normal(6, 3, seed=1),
        F.mse_loss,
    ),
    "turned convolution": lambda: (
        nn.ConvTranspose2d(3, 2, 3),
        normal(*IMAGES),
        normal(2, 2, 8, 8, seed=1),
        F.mse_loss,
    ),
    "layer norm": lambda: (
        nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Linear(3, 5)),
        normal(*ROWS),
        labels(6, 5),
        lambda a, b: F.cross_entropy(a, b, label_smoothing=0.1),
    ),
    "embedding": lambda: (
        nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(12, 5)),
        tensor(np.random.default_rng(0).integers(0, 7, (4, 3))),
        labels(4, 5),
        nn.CrossEntropyLoss(weight=tensor(np.arange(1.0, 6.0))),
    ),
    "dropout": lambda: (
        nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2)),
        normal(*ROWS),
        normal(6, 2, seed=1),
        F.huber_loss,
    ),
    "rnn": lambda: (Last(nn.RNN), normal(2, 5, 3), normal(2, 2, seed=1), F.mse_loss),
    "lstm": lambda: (Last(nn.LSTM), normal(2, 5, 3), normal(2, 2, seed=1), F.mse_loss),
    "gru": lambda: (Last(nn.GRU), normal(2, 5, 3), normal(2, 2, seed=1), F.mse_loss),
    "attention": lambda: (Attentive(), normal(2, 5, 8), normal(2, 5, 8, seed=1), F.mse_loss),
    "encoder": lambda: (
        nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True),
        normal(2, 5, 8),
        normal(2, 5, 8, seed=1),
        F.mse_loss,
    ),
    "residual": lambda: (
        nn.Sequential(Residual(), Residual()),
        normal(*ROWS),
        normal(*ROWS, seed=1),
        F.l1_loss,
    ),
    "bilinear": lambda: (
        nn.Bilinear(3, 3, 2),
        (normal(4, 3), normal(4, 3, seed=2)),
        normal(4, 2, seed=1),
        F.mse_loss,
    ),
    "several at once": lambda: (
        nn.Sequential(nn.Linear(4, 3), nn.Sigmoid()),
        normal(2, 3, 4),
        tensor(np.random.default_rng(1).random((2, 3, 3))),
        F.binary_cross_entropy,
    ),
}


def made(name):
    manual_seed(0)
    model, *rest = NETWORKS[name]()
    return model.double(), *rest


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_autograd(name):
    model, x, y, loss = made(name)
    manual_seed(1)
    loss(model(*x) if isinstance(x, tuple) else model(x), y).backward()
    manual_seed(1)
    derived = Derivation(model, x, y, loss)
    values = computed(derived.equations())
    for path, p in model.named_parameters():
        label = derived.names.leaves[id(p.array)].label
        np.testing.assert_allclose(
            values[f"d{label}"], p.grad.array, rtol=1e-8, atol=1e-11, err_msg=path
        )


# --- nothing is changed, and what cannot be is refused ------------------------------------------


@pytest.mark.parametrize("wrapped", [False, True], ids=["module", "function"])
@pytest.mark.parametrize("name", ["batch norm", "dropout", "encoder"])
def test_the_model_is_left_as_it_was(name, wrapped):
    model, x, y, loss = made(name)
    before = {key: t.array.copy() for key, t in model.state_dict().items()}
    state, modes = get_rng_state(), [m.training for m in model.modules()]
    Derivation((lambda x: model(x)) if wrapped else model, x, y, loss)
    after = {key: t.array for key, t in model.state_dict().items()}
    assert all(np.array_equal(before[key], after[key]) for key in before)
    assert np.array_equal(state, get_rng_state())
    assert modes == [m.training for m in model.modules()]
    assert all(p.grad is None for p in model.parameters())


def test_the_model_is_left_as_it_was_when_it_fails():
    model = nn.BatchNorm1d(3)
    before = {key: t.array.copy() for key, t in model.state_dict().items()}

    def fails(x):
        raise OptionError(f"no more than this: {model(x).shape}")

    with pytest.raises(OptionError, match="no more than this"):
        Derivation(fails, normal(5, 3))
    assert all(np.array_equal(before[key], t.array) for key, t in model.state_dict().items())


def test_same_model_same_equations():
    model, x, y, loss = made("encoder")
    first, second = (str(Derivation(model, x, y, loss).equations()) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (nn.Linear(3, 1), (normal(4, 3), normal(4, 1)), "targets but no loss"),
        (lambda X: (X * 2, X), (normal(4, 3),), "one tensor, got tuple"),
        (lambda X: X, (normal(4, 3),), "nothing to derive"),
        (lambda X: tensor(1.0), (normal(4, 3),), "nothing to derive"),
    ],
    ids=["no loss", "two results", "nothing done", "a constant"],
)
def test_what_has_no_equations_is_refused(model, arguments, message):
    with pytest.raises(OptionError, match=message):
        Derivation(model, *arguments)


def test_a_walk_of_too_many_steps_is_refused():
    model = Last(nn.LSTM).double()
    with pytest.raises(OptionError, match="equations of more than 1,000 are no reading"):
        Derivation(model, normal(2, 100, 3), normal(2, 2, seed=1), F.mse_loss)


def test_a_long_chain_is_no_matter_of_depth():
    def chain(X):
        for _ in range(400):
            X = X.tanh()
        return X

    equations = Derivation(chain, normal(3, grad=True)).equations()
    assert len(equations.lines) == 800
    np.testing.assert_allclose(computed(equations)["dX"], equations["dX"].value)


# --- what is said beside the lines --------------------------------------------------------------

IN_FULL = {
    F.cross_entropy: "−sum(Y ⊙ ln(A)) / m",
    F.mse_loss: "mean((Ŷ − Y)²)",
    F.l1_loss: "mean(|Ŷ − Y|)",
}


@pytest.mark.parametrize("loss", IN_FULL, ids=lambda f: f.__name__)
def test_a_loss_is_written_in_full(loss):
    y = labels(6, 3) if loss is F.cross_entropy else normal(6, 3, seed=1)
    equations = Derivation(nn.Linear(4, 3).double(), normal(*ROWS), y, loss).equations()
    (side,) = equations["L"].steps
    assert written(side) == IN_FULL[loss]
    np.testing.assert_allclose(side.evaluate(equations.values), equations["L"].value)


def test_operations_without_a_sign_are_explained():
    model, x, y, loss = made("convolution")
    head = Derivation(model, x, y, loss).equations().head
    assert head[0] == "m = 2 examples."
    assert head[2] == "A number below a sum is the dimension along which it adds."
    explained = [line.partition(":")[0] for line in head[3:]]
    assert explained == ["max_pooling_spread", "max_pooling_winners", "convolution_weight"]


def test_what_was_drawn_and_left_out_is_told():
    model, x, y, loss = made("dropout")
    assert "M: what was drawn at random." in Derivation(model, x, y, loss).equations().head
    numbers = tensor(np.random.default_rng(1).random((6, 3)))
    net = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid()).double()
    head = Derivation(net, normal(*ROWS), numbers, F.binary_cross_entropy).equations().head
    assert any(line.startswith("Left out: guards") for line in head)


def test_variables_are_called_as_the_function_calls_them():
    layers = [normal(4, 3, grad=True), normal(3, 2, seed=1, grad=True)]
    weights = {"W_in": normal(4, 3, grad=True), "bias": normal(3, seed=1, grad=True)}
    module = nn.Linear(4, 3).double()
    functions = {
        "x layers1 layers2": lambda x: F.relu(x @ layers[0]) @ layers[1],
        "X W_in bias": lambda X: X @ weights["W_in"] + weights["bias"],
        "X W b": module.forward,
    }
    for names, function in functions.items():
        derived = Derivation(function, normal(*ROWS))
        given = [t.label for key, t in derived.names.leaves.items() if key in derived.names.wanted]
        assert [derived.equations().lines[0].right.leaves()[0].label, *given] == [
            name.replace("_", "") for name in names.split()
        ]
