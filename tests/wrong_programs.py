"""Wrong programs that learners write, each as a function of the library that it is written for.

They use names that this library and PyTorch share, so both can be asked what they say. Each is as
short as its mistake allows, and is shown in the documentation as it stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["PROGRAMS", "Wrong"]


class Wrong(NamedTuple):
    """A wrong program.

    Attributes:
        section: what its mistake is about.
        title: the mistake, in a few words.
        program: takes the library.
    """

    section: str
    title: str
    program: Callable[[Any], Any]


PROGRAMS: dict[str, Wrong] = {}


def wrong(section: str, title: str) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Enter a program into the list."""

    def entered(program: Callable[[Any], Any]) -> Callable[[Any], Any]:
        PROGRAMS[program.__name__] = Wrong(section, title, program)
        return program

    return entered


# --- shapes -------------------------------------------------------------------------------------

SHAPES = "Shapes that do not fit"


@wrong(SHAPES, "no Flatten between convolutions and Linear")
def images_into_linear(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(1, 64, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Linear(128, 10))
    net(torch.zeros(32, 1, 28, 28))


@wrong(SHAPES, "Linear expects another number of features than Flatten gives")
def flattened_to_other_size(torch):
    nn = torch.nn
    net = nn.Sequential(
        nn.Conv2d(1, 64, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10)
    )
    net(torch.zeros(32, 1, 28, 28))


@wrong(SHAPES, "layers one after the other whose sizes differ")
def layers_that_do_not_meet(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(32, 1))
    net(torch.zeros(8, 20))


@wrong(SHAPES, "features in rows, examples in columns")
def features_first(torch):
    x = torch.zeros(4, 150)  # 150 flowers, 4 measurements
    torch.nn.Linear(4, 3)(x)


@wrong(SHAPES, "a vector of numbers where rows of one feature are meant")
def column_as_vector(torch):
    x = torch.linspace(0, 1, 50)
    torch.nn.Linear(1, 1)(x)


@wrong(SHAPES, "channels last")
def channels_last(torch):
    photographs = torch.zeros(8, 32, 32, 3)
    torch.nn.Conv2d(3, 16, 3)(photographs)


@wrong(SHAPES, "images without a dimension for channels")
def no_channels(torch):
    digits = torch.zeros(64, 28, 28)
    torch.nn.Conv2d(1, 16, 3)(digits)


@wrong(SHAPES, "coloured images for a layer of grey ones")
def other_channels(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU())
    net(torch.zeros(8, 3, 32, 32))


@wrong(SHAPES, "flattened images into a convolution")
def flat_images(torch):
    torch.nn.Conv2d(1, 16, 3)(torch.zeros(64, 784))


@wrong(SHAPES, "images too small for another layer")
def shrunk_away(torch):
    nn = torch.nn
    block = [nn.Conv2d(1, 1, 3), nn.MaxPool2d(2)]
    net = nn.Sequential(*block, *block, *block)
    net(torch.zeros(8, 1, 16, 16))


@wrong(SHAPES, "BatchNorm of another number of channels")
def normalised_channels(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(3, 32, 3), nn.BatchNorm2d(3))
    net(torch.zeros(8, 3, 16, 16))


@wrong(SHAPES, "BatchNorm1d for images")
def batch_norm_of_other_rank(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(3, 32, 3), nn.BatchNorm1d(32))
    net(torch.zeros(8, 3, 16, 16))


@wrong(SHAPES, "a batch of one, normalised over the batch")
def batch_of_one(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8))
    net(torch.zeros(1, 4))


@wrong(SHAPES, "time before features in a recurrent layer")
def time_for_features(torch):
    words = torch.zeros(16, 10, 50)  # 16 sentences of 10 words, 50 numbers each
    torch.nn.LSTM(10, 32, batch_first=True)(words)


@wrong(SHAPES, "a state for data of the other order")
def state_of_other_order(torch):
    nn = torch.nn
    rnn = nn.GRU(50, 32)  # batch_first=True has been forgotten
    rnn(torch.zeros(16, 10, 50), torch.zeros(1, 16, 32))


@wrong(SHAPES, "the pair that an LSTM returns goes on as if it were its output")
def pair_of_lstm(torch):
    nn = torch.nn
    net = nn.Sequential(nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 1))
    net(torch.zeros(4, 10, 8))


@wrong(SHAPES, "heads that do not divide the features")
def heads(torch):
    torch.nn.MultiheadAttention(100, 8)


@wrong(SHAPES, "a product of matrices whose inner sizes differ")
def product(torch):
    x, w = torch.zeros(32, 10), torch.zeros(5, 10)
    x @ w


@wrong(SHAPES, "addition of shapes that do not broadcast")
def addition(torch):
    torch.zeros(32, 10) + torch.zeros(32)


@wrong(SHAPES, "a view of another number of elements")
def view(torch):
    x = torch.zeros(32, 64, 12, 12)
    x.view(32, 64 * 5 * 5)


@wrong(SHAPES, "cat of tensors that differ in another dimension")
def cat(torch):
    torch.cat([torch.zeros(8, 16), torch.zeros(4, 16)], dim=1)


@wrong(SHAPES, "stack of unequal shapes")
def stack(torch):
    torch.stack([torch.zeros(3), torch.zeros(4)])


# --- kinds of numbers ---------------------------------------------------------------------------

NUMBERS = "Numbers of the wrong kind"


@wrong(NUMBERS, "bytes of images into a layer")
def bytes_into_layer(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU())
    net(torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8))


@wrong(NUMBERS, "NumPy's float64 into a network of float32")
def doubles_into_layer(torch):
    import numpy as np

    x = torch.from_numpy(np.zeros((8, 4)))
    torch.nn.Linear(4, 1)(x)


@wrong(NUMBERS, "a NumPy array in place of a tensor")
def array_into_layer(torch):
    import numpy as np

    torch.nn.Linear(4, 1)(np.zeros((8, 4), np.float32))


@wrong(NUMBERS, "a list in place of a tensor")
def list_into_layer(torch):
    torch.nn.Linear(2, 1)([[1.0, 2.0], [3.0, 4.0]])


@wrong(NUMBERS, "fractions as indices of an embedding")
def fractions_into_embedding(torch):
    words = torch.zeros(4, 7)
    torch.nn.Embedding(1000, 16)(words)


@wrong(NUMBERS, "a word that is not in the vocabulary")
def unknown_word(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Embedding(1000, 16), nn.Flatten())
    net(torch.tensor([[3, 17, 1000]]))


@wrong(NUMBERS, "gradients of whole numbers")
def whole_numbers_with_gradient(torch):
    torch.tensor([1, 2, 3], requires_grad=True)


# --- losses -------------------------------------------------------------------------------------

LOSSES = "Losses"


@wrong(LOSSES, "a column against a vector")
def column_against_vector(torch):
    nn = torch.nn
    x, y = torch.zeros(32, 4), torch.zeros(32)
    prediction = nn.Linear(4, 1)(x)
    nn.MSELoss()(prediction, y)


@wrong(LOSSES, "a vector against a column")
def vector_against_column(torch):
    prediction, y = torch.zeros(32), torch.zeros(32, 1)
    torch.nn.functional.l1_loss(prediction, y)


@wrong(LOSSES, "binary cross-entropy of a column against a vector")
def binary_column_against_vector(torch):
    nn = torch.nn
    score, y = nn.Linear(4, 1)(torch.zeros(32, 4)), torch.zeros(32)
    nn.BCEWithLogitsLoss()(score, y)


@wrong(LOSSES, "softmax in front of cross-entropy")
def softmax_twice(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
    nn.CrossEntropyLoss()(net(torch.zeros(8, 4)), torch.zeros(8, dtype=torch.long))


@wrong(LOSSES, "log_softmax in front of cross-entropy")
def log_softmax_twice(torch):
    F = torch.nn.functional
    scores = torch.nn.Linear(4, 3)(torch.zeros(8, 4))
    F.cross_entropy(F.log_softmax(scores, dim=1), torch.zeros(8, dtype=torch.long))


@wrong(LOSSES, "sigmoid in front of a loss that has its own")
def sigmoid_twice(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())
    nn.BCEWithLogitsLoss()(net(torch.zeros(8, 4)), torch.zeros(8, 1))


@wrong(LOSSES, "scores without sigmoid into BCELoss")
def no_sigmoid(torch):
    score, y = torch.tensor([2.5, -1.0]), torch.tensor([1.0, 0.0])
    torch.nn.BCELoss()(score, y)


@wrong(LOSSES, "softmax without its logarithm into NLLLoss")
def nll_of_probabilities(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
    nn.NLLLoss()(net(torch.zeros(8, 4)), torch.zeros(8, dtype=torch.long))


@wrong(LOSSES, "classes counted from 1")
def labels_from_one(torch):
    scores, labels = torch.zeros(6, 3), torch.tensor([1, 2, 3, 1, 2, 3])
    torch.nn.CrossEntropyLoss()(scores, labels)


@wrong(LOSSES, "a label that is no class")
def label_out_of_range(torch):
    scores, labels = torch.zeros(4, 10), torch.tensor([3, 0, 12, 9])
    torch.nn.CrossEntropyLoss()(scores, labels)


@wrong(LOSSES, "labels as fractions")
def labels_as_fractions(torch):
    scores, labels = torch.zeros(3, 10), torch.tensor([3.0, 0.0, 7.0])
    torch.nn.CrossEntropyLoss()(scores, labels)


@wrong(LOSSES, "labels in a column")
def labels_in_a_column(torch):
    scores, labels = torch.zeros(3, 10), torch.tensor([[3], [0], [7]])
    torch.nn.CrossEntropyLoss()(scores, labels)


@wrong(LOSSES, "one-hot rows of whole numbers")
def one_hot_labels(torch):
    F = torch.nn.functional
    scores, labels = torch.zeros(3, 10), F.one_hot(torch.tensor([3, 0, 7]), 10)
    F.cross_entropy(scores, labels)


@wrong(LOSSES, "labels before scores")
def arguments_swapped(torch):
    scores, labels = torch.zeros(3, 10), torch.tensor([3, 0, 7])
    torch.nn.functional.cross_entropy(labels, scores)


@wrong(LOSSES, "classes that do not come second")
def classes_last(torch):
    scores = torch.zeros(8, 20, 1000)  # 8 sentences, 20 words, 1000 scores for each
    words = torch.zeros(8, 20, dtype=torch.long)
    torch.nn.CrossEntropyLoss()(scores, words)


@wrong(LOSSES, "the loss made where it should be called")
def loss_made_of_tensors(torch):
    prediction, y = torch.zeros(8), torch.zeros(8)
    torch.nn.MSELoss(prediction, y)


# --- the way back -------------------------------------------------------------------------------

BACK = "The way back"


@wrong(BACK, "backward from many numbers")
def backward_of_many(torch):
    net = torch.nn.Linear(4, 1)
    loss = (net(torch.zeros(8, 4)) - 1) ** 2
    loss.backward()


@wrong(BACK, "backward twice")
def backward_twice(torch):
    w = torch.ones(3, requires_grad=True)
    loss = (w * w).sum()
    loss.backward()
    loss.backward()


@wrong(BACK, "backward where nothing wants a gradient")
def backward_of_data(torch):
    w = torch.ones(3)
    (w * w).sum().backward()


@wrong(BACK, "the forward pass inside no_grad")
def backward_of_no_grad(torch):
    net = torch.nn.Linear(4, 1)
    with torch.no_grad():
        loss = net(torch.zeros(8, 4)).mean()
    loss.backward()


@wrong(BACK, "the loss detached")
def backward_of_detached(torch):
    net = torch.nn.Linear(4, 1)
    loss = net(torch.zeros(8, 4)).mean()
    loss.detach().backward()


@wrong(BACK, "the loss made a new tensor")
def backward_of_new_tensor(torch):
    net = torch.nn.Linear(4, 1)
    loss = torch.tensor(net(torch.zeros(8, 4)).mean().item())
    loss.backward()


@wrong(BACK, "a Python number has no backward")
def backward_of_number(torch):
    net = torch.nn.Linear(4, 1)
    loss = net(torch.zeros(8, 4)).mean().item()
    loss.backward()


@wrong(BACK, "a value changed in place that its gradient needs")
def changed_in_place(torch):
    w = torch.ones(3, requires_grad=True)
    y = w.exp()
    y += 1
    y.sum().backward()


@wrong(BACK, "relu in place, on what another layer still needs")
def relu_in_place(torch):
    w = torch.ones(3, requires_grad=True)
    y = torch.sigmoid(w)
    z = torch.relu_(y)
    (y + z).sum().backward()


@wrong(BACK, "weights changed outside no_grad")
def weights_changed(torch):
    w = torch.ones(3, requires_grad=True)
    (w * w).sum().backward()
    w -= 0.1 * w.grad


@wrong(BACK, "no gradient yet")
def gradient_before_backward(torch):
    w = torch.ones(3, requires_grad=True)
    with torch.no_grad():
        w -= 0.1 * w.grad


@wrong(BACK, "numpy() of what has a history")
def numpy_of_history(torch):
    net = torch.nn.Linear(4, 1)
    net(torch.zeros(8, 4)).numpy()


# --- training -----------------------------------------------------------------------------------

TRAINING = "Modules and optimisers"


@wrong(TRAINING, "zero_grad forgotten")
def forgotten_zero_grad(torch):
    net = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        loss = net(torch.ones(8, 4)).square().mean()
        loss.backward()
        optimizer.step()


@wrong(TRAINING, "an optimiser of a module")
def optimizer_of_module(torch):
    net = torch.nn.Linear(4, 1)
    torch.optim.SGD(net, lr=0.1)


@wrong(TRAINING, "parameters without the brackets")
def parameters_not_called(torch):
    net = torch.nn.Linear(4, 1)
    torch.optim.Adam(net.parameters)


@wrong(TRAINING, "parameters used up")
def parameters_used_up(torch):
    net = torch.nn.Linear(4, 1)
    parameters = net.parameters()
    print(sum(p.numel() for p in parameters), "parameters")
    torch.optim.Adam(parameters)


@wrong(TRAINING, "layers in a plain list")
def layers_in_a_list(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [torch.nn.Linear(4, 8), torch.nn.Linear(8, 1)]

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    torch.optim.Adam(Net().parameters())


@wrong(TRAINING, "a tensor that is no parameter")
def tensor_in_place_of_parameter(torch):
    class Scale(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = torch.ones(1, requires_grad=True)

        def forward(self, x):
            return self.factor * x

    torch.optim.Adam(Scale().parameters())


@wrong(TRAINING, "super().__init__() after the layers, or never")
def no_super_init(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            self.layer = torch.nn.Linear(4, 1)

        def forward(self, x):
            return self.layer(x)

    Net()(torch.zeros(8, 4))


@wrong(TRAINING, "data where a layer is made")
def layer_made_of_data(torch):
    x = torch.zeros(8, 4)
    torch.nn.Linear(x, 1)


@wrong(TRAINING, "a class where a layer is wanted")
def class_as_layer(torch):
    nn = torch.nn
    nn.Sequential(nn.Linear(4, 8), nn.ReLU, nn.Linear(8, 1))


@wrong(TRAINING, "a list of layers where they are wanted one by one")
def list_as_layer(torch):
    nn = torch.nn
    nn.Sequential([nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)])


@wrong(TRAINING, "a layer called with a comma too many")
def arguments_too_many(torch):
    torch.nn.Linear(4, 1)(torch.zeros(8, 4), torch.zeros(8, 1))


@wrong(TRAINING, "forward without return")
def forward_without_return(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)

        def forward(self, x):
            self.layer(x)

    torch.nn.MSELoss()(Net()(torch.zeros(8, 4)), torch.zeros(8, 1))


@wrong(TRAINING, "forward misspelt")
def forward_misspelt(torch):
    class Net(torch.nn.Module):
        def foward(self, x):
            return x

    Net()(torch.zeros(8, 4))


@wrong(TRAINING, "inputs and labels of different lengths")
def unequal_data(torch):
    torch.utils.data.TensorDataset(torch.zeros(100, 4), torch.zeros(99))


@wrong(TRAINING, "a DataLoader of two arrays")
def loader_of_two(torch):
    x, y = torch.zeros(100, 4), torch.zeros(100)
    for batch_x, _batch_y in torch.utils.data.DataLoader((x, y), batch_size=10):
        batch_x @ torch.zeros(4)
