"""Neurons, layers and networks of scalars."""

import random

import numpy as np
import pytest

from chainrule.errors import OptionError, ShapeError
from chainrule.scalar import MLP, Layer, Neuron, Value


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("tanh", np.tanh), ("relu", lambda x: max(x, 0)), ("linear", lambda x: x)]
    + [("sigmoid", lambda x: 1 / (1 + np.exp(-x)))],
)
@pytest.mark.parametrize("b", [-2.0, 2.0])
def test_a_neuron_weighs_adds_and_bends(activation, expected, b):
    neuron = Neuron(2, activation)
    neuron.w[0].data, neuron.w[1].data, neuron.b.data = 0.5, -1.5, b
    assert neuron([2.0, 0.5]).data == pytest.approx(expected(0.5 * 2 - 1.5 * 0.5 + b))


def test_parameters_are_weights_then_bias_and_are_named():
    neuron = Neuron(2)
    assert neuron.parameters() == [*neuron.w, neuron.b]
    assert [p.label for p in neuron.parameters()] == ["w1", "w2", "b"]


def test_a_network_is_drawn_from_its_seed():
    def weights(seed):
        return [p.data for p in MLP(3, [4, 2], seed=seed).parameters()]

    random.seed(1)
    first = weights(0)
    assert weights(0) == first != weights(1)
    assert all(-1 <= w <= 1 for w in first)
    assert len(set(first)) == 4 * 3 + 2 * 4 + 1  # all weights differ, all biases are 0


def test_neurons_may_share_a_generator():
    rng = random.Random(0)
    assert Neuron(3, rng=rng).w[0] != Neuron(3, rng=rng).w[0]
    assert Layer(3, 2).neurons[0].w[0] == Layer(3, 2).neurons[0].w[0]


def test_the_last_layer_has_its_own_activation():
    mlp = MLP(2, [3, 3, 2], activation="relu", output="linear")
    assert [layer.neurons[0].activation for layer in mlp.layers] == ["relu", "relu", "linear"]


def test_one_output_is_a_value_and_several_are_a_list():
    assert isinstance(MLP(2, [1])([1.0, 2.0]), Value)
    assert len(MLP(2, [2])([1.0, 2.0])) == 2


def test_a_number_enters_the_graph_once():
    y = MLP(2, [4, 1])([1.0, 2.0])
    assert [x.label for x in y.graph() if x.label.startswith("x")] == ["x1", "x2"]


@pytest.mark.parametrize("x", [np.array([1.0, 2.0], dtype=np.float32), (1, 2), [Value(1), 2.0]])
def test_inputs_of_any_kind(x):
    assert MLP(2, [3, 1])(x) == MLP(2, [3, 1])([1.0, 2.0])


def test_zero_grad_clears_the_parameters():
    mlp = MLP(2, [3, 1])
    mlp([1.0, 2.0]).backward()
    assert any(p.grad for p in mlp.parameters())
    mlp.zero_grad()
    assert not any(p.grad for p in mlp.parameters())


def test_they_print_themselves():
    assert repr(Neuron(3)) == "Neuron(3, 'tanh')"
    assert repr(Layer(3, 4, "relu")) == "Layer(3, 4, 'relu')"
    assert repr(MLP(3, [4, 4, 1])) == "MLP(3, [4, 4, 1])"


def test_mistakes_are_told_in_a_sentence():
    with pytest.raises(ShapeError, match=r"Neuron\(3, 'tanh'\) takes 3 numbers, got 2"):
        MLP(3, [4])([1.0, 2.0])
    with pytest.raises(
        OptionError, match=r"an activation is one of .*got 'tahn'; did you mean 'tanh'"
    ):
        Neuron(3, "tahn")
    with pytest.raises(OptionError, match="a Neuron has at least 1 input, got 0"):
        Neuron(0)
    with pytest.raises(OptionError, match="a Layer has at least 1 neuron, got 0"):
        Layer(3, 0)
    with pytest.raises(OptionError, match="an MLP has at least 1 layer, got 0"):
        MLP(3, [])
