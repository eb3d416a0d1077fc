"""Route 3: scalars with a graph. Each test is a row of what that route shows."""

import pytest

from chainrule.scalar import MLP, Layer, Neuron, Value


def test_numerical_derivative_of_5x_minus_9_is_5():
    def f(x):
        return 5 * x - 9

    h = 1e-6
    assert (f(3.0 + h) - f(3.0)) / h == pytest.approx(5, abs=1e-6)
    x = Value(3.0)
    f(x).backward()
    assert x.grad == 5.0


def test_l_is_a_times_b_plus_c_times_f():
    a, b, c, f = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c"), Value(-2.0, "f")
    L = (a * b + c) * f
    L.label = "L"
    L.backward()
    assert L.data == -8.0
    assert [x.grad for x in (a, b, c, f, L)] == [6.0, -4.0, -2.0, 4.0, 1.0]
    assert repr(L) == "Value(-8, grad=1, label='L')"


def test_l_moves_as_its_gradient_says():
    def L(a=2.0, b=-3.0, c=10.0, f=-2.0):
        return ((Value(a) * b + c) * f).data

    h = 1e-6
    nudged = [L(a=2.0 + h), L(b=-3.0 + h), L(c=10.0 + h), L(f=-2.0 + h)]
    assert [(each - L()) / h for each in nudged] == pytest.approx([6, -4, -2, 4], abs=1e-6)


def neuron(number, bend):
    """The tanh neuron of the route, in any kind of number."""
    x1, x2, w1, w2, b = map(number, (2.0, 0.0, -3.0, 1.0, 6.0))
    out = bend(x1 * w1 + x2 * w2 + b)
    out.backward()
    return out, [float(x.grad) for x in (x1, w1, x2, w2)]


def test_a_tanh_neuron():
    out, gradients = neuron(Value, Value.tanh)
    assert (out.data, gradients) == (0.0, [-3.0, 2.0, 1.0, 0.0])


def test_the_same_neuron_from_pytorch(torch):
    def number(x):
        return torch.tensor(x, dtype=torch.float64, requires_grad=True)

    out, gradients = neuron(number, torch.tanh)
    assert (out.item(), gradients) == (0.0, [-3.0, 2.0, 1.0, 0.0])


def test_the_same_neuron_with_tanh_spelled_out():
    def spelled(x):
        e = (2 * x).exp()
        return (e - 1) / (e + 1)

    out, gradients = neuron(Value, spelled)
    assert out.data == pytest.approx(0.0)
    assert gradients == pytest.approx([-3.0, 2.0, 1.0, 0.0])


def test_the_same_neuron_as_a_neuron():
    unit = Neuron(2)
    unit.w[0].data, unit.w[1].data, unit.b.data = -3.0, 1.0, 6.0
    x = [Value(2.0), Value(0.0)]
    out = unit(x)
    out.backward()
    assert (out.data, [v.grad for v in x], [w.grad for w in unit.w]) == (0, [-3, 1], [2, 0])


def test_operator_and_operands_are_remembered():
    a, b = Value(2.0), Value(3.0)
    assert [(y.op, y.operands) for y in (a + b, b - a, a * b, b / a, a**b, -a)] == [
        ("+", (a, b)),
        ("-", (b, a)),
        ("*", (a, b)),
        ("/", (b, a)),
        ("**", (a, b)),
        ("neg", (a,)),
    ]


def test_reflected_forms_with_python_numbers():
    x = Value(4.0)
    assert [y.data for y in (2 + x, 2 - x, 2 * x, 2 / x, 2**x)] == [6.0, -2.0, 8.0, 0.5, 16.0]


def test_gradients_add_up_when_a_value_is_used_twice():
    a = Value(3.0)
    (a + a).backward()
    assert a.grad == 2.0
    a, b = Value(-2.0), Value(3.0)
    ((a * b) * (a + b)).backward()
    assert (a.grad, b.grad) == (-3.0, -8.0)


@pytest.mark.parametrize(
    "step", [lambda x, y: y + x, lambda _, y: y * 1.00001, lambda _, y: y.tanh()]
)
def test_a_chain_of_100_000(step):
    x = Value(0.5)
    y = x
    for _ in range(100_000):
        y = step(x, y)
    y.backward()
    assert y.grad == 1.0
    assert x.grad != 0.0
    del y  # takes the whole chain apart, one inside another, without running out of stack


POINTS = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
TARGETS = [1.0, -1.0, -1.0, 1.0]


def test_neuron_layer_and_mlp_have_parameters():
    assert len(Neuron(3).parameters()) == 4
    assert len(Layer(3, 4).parameters()) == 16
    assert len(MLP(3, [4, 4, 1]).parameters()) == 16 + 20 + 5


@pytest.mark.parametrize("seed", range(5))
def test_the_binary_classifier(seed):
    mlp = MLP(3, [4, 4, 1], seed=seed)
    losses = []
    for _ in range(50):
        loss = sum((mlp(x) - target) ** 2 for x, target in zip(POINTS, TARGETS))
        mlp.zero_grad()
        loss.backward()
        for p in mlp.parameters():
            p.data -= 0.1 * p.grad
        losses.append(loss.data)
    assert losses[0] > 3
    assert losses[-1] < 0.02
    assert mlp([4.0, 5.0, -3.0]).data == pytest.approx(1, abs=0.1)
