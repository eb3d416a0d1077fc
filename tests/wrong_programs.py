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
        sentence: what this library says.
        program: takes the library.
    """

    section: str
    title: str
    sentence: str
    program: Callable[[Any], Any]


PROGRAMS: dict[str, Wrong] = {}


def wrong(
    section: str, title: str, sentence: str
) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Enter a program into the list."""

    def entered(program: Callable[[Any], Any]) -> Callable[[Any], Any]:
        PROGRAMS[program.__name__] = Wrong(section, title, sentence, program)
        return program

    return entered


# --- shapes -------------------------------------------------------------------------------------

SHAPES = "Shapes that do not fit"


@wrong(
    SHAPES,
    "no Flatten between convolutions and Linear",
    "3 (Linear): expected 128 input features, got shape (32, 64, 12, 12); flattened it has "
    "9216 = 64 x 12 x 12: put Flatten before it and set in_features=9216",
)
def images_into_linear(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(1, 64, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Linear(128, 10))
    net(torch.zeros(32, 1, 28, 28))


@wrong(
    SHAPES,
    "Linear expects another number of features than Flatten gives",
    "4 (Linear): expected 128 input features, got 9216 = 64 x 12 x 12; set in_features=9216",
)
def flattened_to_other_size(torch):
    nn = torch.nn
    net = nn.Sequential(
        nn.Conv2d(1, 64, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10)
    )
    net(torch.zeros(32, 1, 28, 28))


@wrong(
    SHAPES,
    "layers one after the other whose sizes differ",
    "2 (Linear): expected 32 input features, got 64; set in_features=64",
)
def layers_that_do_not_meet(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(32, 1))
    net(torch.zeros(8, 20))


@wrong(
    SHAPES,
    "features in rows, examples in columns",
    "Linear: expected 4 input features, got 150; if the features come first put x.T, or else "
    "set in_features=150",
)
def features_first(torch):
    x = torch.zeros(4, 150)  # 150 flowers, 4 measurements
    torch.nn.Linear(4, 3)(x)


@wrong(
    SHAPES,
    "a vector of numbers where rows of one feature are meant",
    "Linear: expected 1 input features, got 50; for rows of one feature put x.unsqueeze(1), "
    "of shape (50, 1)",
)
def column_as_vector(torch):
    x = torch.linspace(0, 1, 50)
    torch.nn.Linear(1, 1)(x)


@wrong(
    SHAPES,
    "channels last",
    "Conv2d: expected images (N, 3, H, W), got shape (8, 32, 32, 3); if the channels come "
    "last, put x.permute(0, 3, 1, 2)",
)
def channels_last(torch):
    photographs = torch.zeros(8, 32, 32, 3)
    torch.nn.Conv2d(3, 16, 3)(photographs)


@wrong(
    SHAPES,
    "images without a dimension for channels",
    "Conv2d: expected images (N, 1, H, W), got shape (64, 28, 28); for images without "
    "channels put x.unsqueeze(1)",
)
def no_channels(torch):
    digits = torch.zeros(64, 28, 28)
    torch.nn.Conv2d(1, 16, 3)(digits)


@wrong(
    SHAPES,
    "coloured images for a layer of grey ones",
    "0 (Conv2d): expected images (N, 1, H, W), got shape (8, 3, 32, 32); set in_channels=3",
)
def other_channels(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU())
    net(torch.zeros(8, 3, 32, 32))


@wrong(
    SHAPES,
    "flattened images into a convolution",
    "Conv2d: expected images (N, 1, H, W), got shape (64, 784); for flattened images put "
    "x.view(-1, 1, 28, 28)",
)
def flat_images(torch):
    torch.nn.Conv2d(1, 16, 3)(torch.zeros(64, 784))


@wrong(
    SHAPES,
    "images too small for another layer",
    "4 (Conv2d): a window of (3, 3) does not fit images of 2x2 with padding (0, 0); use a "
    "smaller one, more padding, or fewer layers that make images smaller",
)
def shrunk_away(torch):
    nn = torch.nn
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3)
    )
    net(torch.zeros(8, 1, 16, 16))


@wrong(
    SHAPES,
    "BatchNorm of another number of channels",
    "1 (BatchNorm2d): expected 4 dimensions with 3 channels second, got shape (8, 32, 14, "
    "14); set num_features=32",
)
def normalised_channels(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(3, 32, 3), nn.BatchNorm2d(3))
    net(torch.zeros(8, 3, 16, 16))


@wrong(
    SHAPES,
    "BatchNorm1d for images",
    "1 (BatchNorm1d): expected 2 or 3 dimensions with 32 channels second, got shape (8, 32, "
    "14, 14); use BatchNorm2d",
)
def batch_norm_of_other_rank(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(3, 32, 3), nn.BatchNorm1d(32))
    net(torch.zeros(8, 3, 16, 16))


@wrong(
    SHAPES,
    "a batch of one, normalised over the batch",
    "1 (BatchNorm1d): batch norm in training needs more than one value a channel, got shape "
    "(1, 8); use a larger batch, or call .eval()",
)
def batch_of_one(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8))
    net(torch.zeros(1, 4))


@wrong(
    SHAPES,
    "time before features in a recurrent layer",
    "LSTM: expected 10 numbers at each step, got 50 in shape (16, 10, 50); if these are the "
    "steps, put x.transpose(1, 2)",
)
def time_for_features(torch):
    words = torch.zeros(16, 10, 50)  # 16 sentences of 10 words, 50 numbers each
    torch.nn.LSTM(10, 32, batch_first=True)(words)


@wrong(
    SHAPES,
    "a state for data of the other order",
    "GRU: the state before the first step must have shape (1, 10, 32), got (1, 16, 32); if "
    "there are 16 examples, make the layer with batch_first=True",
)
def state_of_other_order(torch):
    nn = torch.nn
    rnn = nn.GRU(50, 32)  # batch_first=True has been forgotten
    rnn(torch.zeros(16, 10, 50), torch.zeros(1, 16, 32))


@wrong(
    SHAPES,
    "the pair that an LSTM returns goes on as if it were its output",
    "1 (Linear): the input must be a tensor, got a tuple of 2; of a layer that returns its "
    "state too, as LSTM does, take the first: out, _ = lstm(x)",
)
def pair_of_lstm(torch):
    nn = torch.nn
    net = nn.Sequential(nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 1))
    net(torch.zeros(4, 10, 8))


@wrong(
    SHAPES,
    "heads that do not divide the features",
    "num_heads=8 must divide embed_dim=100; use num_heads=5, or embed_dim=104",
)
def heads(torch):
    torch.nn.MultiheadAttention(100, 8)


@wrong(
    SHAPES,
    "a product of matrices whose inner sizes differ",
    "matmul of (32, 10) and (5, 10): the last size of the first (10) must equal the last but "
    "one of the second (5); turn the second with .T",
)
def product(torch):
    x, w = torch.zeros(32, 10), torch.zeros(5, 10)
    x @ w


@wrong(
    SHAPES,
    "a matrix times a vector of another length",
    "matmul of (10, 4) and (10,): the last size of the first (4) must equal the only one of "
    "the second (10); turn the first with .T",
)
def matrix_and_vector(torch):
    weights, x = torch.zeros(10, 4), torch.zeros(10)
    weights @ x


@wrong(
    SHAPES,
    "addition of shapes that do not broadcast",
    "shapes (32, 10) and (32,) do not broadcast: dimension -1 is 10 against 32; sizes must be"
    " equal, or one of them 1, counted from the right; .unsqueeze(-1) makes (32,) a column, "
    "(32, 1)",
)
def addition(torch):
    torch.zeros(32, 10) + torch.zeros(32)


@wrong(
    SHAPES,
    "a view of another number of elements",
    "shape (32, 64, 12, 12) has 294912 elements and cannot become (32, 1600); (32, -1) gives "
    "the last size what is left, 9216",
)
def view(torch):
    x = torch.zeros(32, 64, 12, 12)
    x.view(32, 64 * 5 * 5)


@wrong(
    SHAPES,
    "cat of tensors that differ in another dimension",
    "cat along dim 1 needs equal sizes elsewhere, got shapes (8, 16), (4, 16); along dim 0 "
    "they fit",
)
def cat(torch):
    torch.cat([torch.zeros(8, 16), torch.zeros(4, 16)], dim=1)


@wrong(
    SHAPES,
    "stack of unequal shapes",
    "stack needs arrays of one shape, got (3,), (4,); pad them to one, or join them with cat",
)
def stack(torch):
    torch.stack([torch.zeros(3), torch.zeros(4)])


# --- kinds of numbers ---------------------------------------------------------------------------

NUMBERS = "Numbers of the wrong kind"


@wrong(
    NUMBERS,
    "bytes of images into a layer",
    "0 (Conv2d): expected floating-point input, got uint8; convert it, for example with "
    "x.float() / 255 for images of bytes",
)
def bytes_into_layer(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU())
    net(torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8))


@wrong(
    NUMBERS,
    "a list in place of a tensor",
    "Linear: the input must be a tensor, got a list; use tensor(x)",
)
def list_into_layer(torch):
    torch.nn.Linear(2, 1)([[1.0, 2.0], [3.0, 4.0]])


@wrong(
    NUMBERS,
    "a size that was divided with /",
    "out_features must be a whole number, got 50.0; divide with // to get one",
)
def size_as_fraction(torch):
    hidden = 100
    torch.nn.Linear(hidden, hidden / 2)


@wrong(
    NUMBERS,
    "fractions as indices of an embedding",
    "Embedding: an embedding is looked up by integers, got float32",
)
def fractions_into_embedding(torch):
    words = torch.zeros(4, 7)
    torch.nn.Embedding(1000, 16)(words)


@wrong(
    NUMBERS,
    "a word that is not in the vocabulary",
    "0 (Embedding): index 1000 is outside the 1000 embeddings 0 to 999",
)
def unknown_word(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Embedding(1000, 16), nn.Flatten())
    net(torch.tensor([[3, 17, 1000]]))


@wrong(
    NUMBERS,
    "gradients of whole numbers",
    "only floating-point tensors have gradients, this one is int64; make it float first, for "
    "example tensor([1.0, 2.0]) or x.float()",
)
def whole_numbers_with_gradient(torch):
    torch.tensor([1, 2, 3], requires_grad=True)


# --- losses -------------------------------------------------------------------------------------

LOSSES = "Losses"


@wrong(
    LOSSES,
    "a column against a vector",
    "MSELoss: the prediction has shape (32, 1) and the target (32,); they must be equal, "
    "because broadcasting would compare wrong pairs; put prediction.squeeze(1), or "
    "target.unsqueeze(1)",
)
def column_against_vector(torch):
    nn = torch.nn
    x, y = torch.zeros(32, 4), torch.zeros(32)
    prediction = nn.Linear(4, 1)(x)
    nn.MSELoss()(prediction, y)


@wrong(
    LOSSES,
    "a vector against a column",
    "the prediction has shape (32,) and the target (32, 1); they must be equal, because "
    "broadcasting would compare wrong pairs; put target.squeeze(1), or "
    "prediction.unsqueeze(1)",
)
def vector_against_column(torch):
    prediction, y = torch.zeros(32), torch.zeros(32, 1)
    torch.nn.functional.l1_loss(prediction, y)


@wrong(
    LOSSES,
    "binary cross-entropy of a column against a vector",
    "BCEWithLogitsLoss: the prediction has shape (32, 1) and the target (32,); they must be "
    "equal, because broadcasting would compare wrong pairs; put prediction.squeeze(1), or "
    "target.unsqueeze(1)",
)
def binary_column_against_vector(torch):
    nn = torch.nn
    score, y = nn.Linear(4, 1)(torch.zeros(32, 4)), torch.zeros(32)
    nn.BCEWithLogitsLoss()(score, y)


@wrong(
    LOSSES,
    "many outputs against one number a row",
    "L1Loss: the prediction has shape (32, 10) and the target (32,); they must be equal, "
    "because broadcasting would compare wrong pairs; give the last layer as many outputs as a"
    " target has numbers",
)
def too_many_outputs(torch):
    nn = torch.nn
    net = nn.Linear(4, 10)
    nn.L1Loss()(net(torch.zeros(32, 4)), torch.zeros(32))


@wrong(
    LOSSES,
    "weights in a row for losses in a column",
    "BCELoss: weight of shape (32,) does not go with losses of shape (32, 1): it must have that "
    "shape, or one that spreads over it",
)
def weights_in_a_row(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())
    nn.BCELoss(weight=torch.ones(32))(net(torch.zeros(32, 4)), torch.zeros(32, 1))


@wrong(
    LOSSES,
    "two classes from one output",
    "CrossEntropyLoss: label 1 at index 1 is outside the 1 classes 0 to 0; two classes need two "
    "outputs, or one and binary_cross_entropy_with_logits",
)
def one_output_for_two_classes(torch):
    nn = torch.nn
    net = nn.Linear(4, 1)
    nn.CrossEntropyLoss()(net(torch.zeros(3, 4)), torch.tensor([0, 1, 1]))


@wrong(
    LOSSES,
    "a weight for a class too many",
    "CrossEntropyLoss: weight must have a number for each class, shape (3,), got (4,)",
)
def weight_too_many(torch):
    scores, labels = torch.zeros(2, 3), torch.tensor([0, 2])
    torch.nn.CrossEntropyLoss(weight=torch.ones(4))(scores, labels)


@wrong(
    LOSSES,
    "softmax in front of cross-entropy",
    "CrossEntropyLoss: cross_entropy has a softmax of its own, and the prediction has been "
    "through softmax already, which leaves little to learn by; give it the scores, without "
    "softmax at the end of the network, and use it where you want probabilities",
)
def softmax_twice(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
    nn.CrossEntropyLoss()(net(torch.zeros(8, 4)), torch.zeros(8, dtype=torch.long))


@wrong(
    LOSSES,
    "sigmoid in front of a loss that has its own",
    "BCEWithLogitsLoss: binary_cross_entropy_with_logits has a sigmoid of its own, and the "
    "prediction has been through sigmoid already, which leaves little to learn by; give it "
    "the scores, without sigmoid at the end of the network, or use binary_cross_entropy",
)
def sigmoid_twice(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())
    nn.BCEWithLogitsLoss()(net(torch.zeros(8, 4)), torch.zeros(8, 1))


@wrong(
    LOSSES,
    "scores without sigmoid into BCELoss",
    "BCELoss: binary_cross_entropy takes probabilities from 0 to 1, got -1 to 2.5; use "
    "binary_cross_entropy_with_logits for scores",
)
def no_sigmoid(torch):
    score, y = torch.tensor([2.5, -1.0]), torch.tensor([1.0, 0.0])
    torch.nn.BCELoss()(score, y)


@wrong(
    LOSSES,
    "softmax without its logarithm into NLLLoss",
    "NLLLoss: nll_loss takes logarithms of probabilities, and was given what softmax gave; "
    "put log_softmax in its place, or .log() behind it",
)
def nll_of_probabilities(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
    nn.NLLLoss()(net(torch.zeros(8, 4)), torch.zeros(8, dtype=torch.long))


@wrong(
    LOSSES,
    "classes counted from 1",
    "CrossEntropyLoss: label 3 at index 2 is outside the 3 classes 0 to 2; if they are "
    "counted from 1, use labels - 1",
)
def labels_from_one(torch):
    scores, labels = torch.zeros(6, 3), torch.tensor([1, 2, 3, 1, 2, 3])
    torch.nn.CrossEntropyLoss()(scores, labels)


@wrong(
    LOSSES,
    "a label that is no class",
    "CrossEntropyLoss: label 12 at index 2 is outside the 10 classes 0 to 9; if there are "
    "more classes, give the last layer an output for each",
)
def label_out_of_range(torch):
    scores, labels = torch.zeros(4, 10), torch.tensor([3, 0, 12, 9])
    torch.nn.CrossEntropyLoss()(scores, labels)


@wrong(
    LOSSES,
    "labels as fractions",
    "CrossEntropyLoss: class labels must be integers from 0 to 9, got float32; convert them "
    "with .long(), or pass probabilities of the same shape as the input",
)
def labels_as_fractions(torch):
    scores, labels = torch.zeros(3, 10), torch.tensor([3.0, 0.0, 7.0])
    torch.nn.CrossEntropyLoss()(scores, labels)


@wrong(
    LOSSES,
    "labels in a column",
    "CrossEntropyLoss: labels of shape (3, 1) do not go with scores of shape (3, 10): one "
    "label a row is expected, shape (3,); put .squeeze(-1) behind the labels",
)
def labels_in_a_column(torch):
    scores, labels = torch.zeros(3, 10), torch.tensor([[3], [0], [7]])
    torch.nn.CrossEntropyLoss()(scores, labels)


@wrong(
    LOSSES,
    "one-hot rows of whole numbers",
    "labels of shape (3, 10) do not go with scores of shape (3, 10): one label a row is "
    "expected, shape (3,); for one-hot rows put .argmax(1), or .float() to take them as "
    "probabilities",
)
def one_hot_labels(torch):
    F = torch.nn.functional
    scores, labels = torch.zeros(3, 10), F.one_hot(torch.tensor([3, 0, 7]), 10)
    F.cross_entropy(scores, labels)


@wrong(
    LOSSES,
    "labels before scores",
    "scores of classes must be floating-point numbers, got int64; the scores come first, and "
    "then the labels",
)
def arguments_swapped(torch):
    scores, labels = torch.zeros(3, 10), torch.tensor([3, 0, 7])
    torch.nn.functional.cross_entropy(labels, scores)


@wrong(
    LOSSES,
    "classes that do not come second",
    "CrossEntropyLoss: labels of shape (8, 20) do not go with scores of shape (8, 20, 1000): "
    "one label a row is expected, shape (8, 1000); if the classes come last, put .movedim(-1,"
    " 1) behind the scores",
)
def classes_last(torch):
    scores = torch.zeros(8, 20, 1000)  # 8 sentences, 20 words, 1000 scores for each
    words = torch.zeros(8, 20, dtype=torch.long)
    torch.nn.CrossEntropyLoss()(scores, words)


@wrong(
    LOSSES,
    "the loss made where it should be called",
    "a loss is made first and called then: nn.MSELoss()(prediction, target), or "
    "F.mse_loss(prediction, target); got a tensor of shape (8,) where an option of the loss "
    "is expected",
)
def loss_made_of_tensors(torch):
    prediction, y = torch.zeros(8), torch.zeros(8)
    torch.nn.MSELoss(prediction, y)


# --- the way back -------------------------------------------------------------------------------

BACK = "The way back"


@wrong(
    BACK,
    "backward from many numbers",
    "backward() starts from one number, this tensor has shape (8, 1); reduce it first, for "
    "example with .mean(), or give gradient=",
)
def backward_of_many(torch):
    net = torch.nn.Linear(4, 1)
    loss = (net(torch.zeros(8, 4)) - 1) ** 2
    loss.backward()


@wrong(
    BACK,
    "backward twice",
    "the values saved by mul were freed by an earlier backward(); to go through the same "
    "graph twice, call the first with retain_graph=True",
)
def backward_twice(torch):
    w = torch.ones(3, requires_grad=True)
    loss = (w * w).sum()
    loss.backward()
    loss.backward()


@wrong(
    BACK,
    "backward where nothing wants a gradient",
    "nothing here needs a gradient: none of the tensors it was computed from has "
    "requires_grad=True, as the parameters of a module have, or it is itself a gradient and "
    "was taken without create_graph=True; a tensor made anew, as by tensor(loss), does not "
    "know how the numbers in it were computed",
)
def backward_of_data(torch):
    w = torch.ones(3)
    (w * w).sum().backward()


@wrong(
    BACK,
    "the forward pass inside no_grad",
    "nothing here needs a gradient: it was computed inside no_grad(); compute it outside of "
    "the block",
)
def backward_of_no_grad(torch):
    net = torch.nn.Linear(4, 1)
    with torch.no_grad():
        loss = net(torch.zeros(8, 4)).mean()
    loss.backward()


@wrong(
    BACK,
    "the loss detached",
    "nothing here needs a gradient: detach() has cut off how it was computed; call backward()"
    " on what it was taken from",
)
def backward_of_detached(torch):
    net = torch.nn.Linear(4, 1)
    loss = net(torch.zeros(8, 4)).mean()
    loss.detach().backward()


@wrong(
    BACK,
    "the loss made a new tensor",
    "nothing here needs a gradient: none of the tensors it was computed from has "
    "requires_grad=True, as the parameters of a module have, or it is itself a gradient and "
    "was taken without create_graph=True; a tensor made anew, as by tensor(loss), does not "
    "know how the numbers in it were computed",
)
def backward_of_new_tensor(torch):
    net = torch.nn.Linear(4, 1)
    loss = torch.tensor(net(torch.zeros(8, 4)).mean().item())
    loss.backward()


@wrong(
    BACK,
    "a loss made of choices",
    "nothing here needs a gradient: argmax has no derivative; compute the loss by operations "
    "that have one",
)
def backward_of_accuracy(torch):
    scores, labels = torch.nn.Linear(4, 3)(torch.zeros(8, 4)), torch.zeros(8, dtype=torch.long)
    loss = 1 - (scores.argmax(1) == labels).float().mean()
    loss.backward()


@wrong(
    BACK,
    "a step between the forward and the backward pass",
    "a value that the gradient of linear needs was changed in place after it was used; change"
    " a copy (x = x + 1 rather than x += 1), or do it, as an optimizer does in step(), after "
    "backward()",
)
def step_in_between(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    first, second = net(torch.ones(2, 4)).mean(), net(torch.zeros(2, 4)).mean()
    first.backward()
    optimizer.step()
    second.backward()


@wrong(
    BACK,
    "a question that has many answers",
    "bool() takes a tensor of one element, got shape (5,); reduce it first, for example with "
    ".sum(), .any() or .all()",
)
def truth_of_many(torch):
    prediction = torch.linspace(0, 1, 5)
    if prediction > 0.5:
        print("yes")


@wrong(
    BACK,
    "weights changed outside no_grad",
    "a leaf that wants a gradient cannot be changed in place while operations are being "
    "recorded; do it inside no_grad(), or on a copy",
)
def weights_changed(torch):
    w = torch.ones(3, requires_grad=True)
    (w * w).sum().backward()
    w -= 0.1 * w.grad


@wrong(
    BACK,
    "numpy() of what has a history",
    "numpy() on a tensor that needs a gradient would lose it; use x.detach().numpy()",
)
def numpy_of_history(torch):
    net = torch.nn.Linear(4, 1)
    net(torch.zeros(8, 4)).numpy()


# --- training -----------------------------------------------------------------------------------

TRAINING = "Modules and optimisers"


@wrong(
    TRAINING,
    "zero_grad forgotten",
    "SGD: the gradient of parameter 0 of group 0, of shape (1, 4), still holds that of an "
    "earlier step(), because backward() adds to what is there; call optimizer.zero_grad() "
    "before backward(), or, to add up over steps on purpose, set p.grad = p.grad.clone() "
    "after each",
)
def forgotten_zero_grad(torch):
    net = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        loss = net(torch.ones(8, 4)).square().mean()
        loss.backward()
        optimizer.step()


@wrong(
    TRAINING,
    "an optimiser of a module",
    "params must be a list of tensors or of groups, got Linear: Linear(in_features=4, "
    "out_features=1, bias=True); use model.parameters()",
)
def optimizer_of_module(torch):
    net = torch.nn.Linear(4, 1)
    torch.optim.SGD(net, lr=0.1)


@wrong(
    TRAINING,
    "parameters without the brackets",
    "params must be a list of tensors or of groups, got method: <bound method "
    "Module.parameters of Linear(in_features=4, out; use it with brackets behind it: "
    "model.parameters()",
)
def parameters_not_called(torch):
    net = torch.nn.Linear(4, 1)
    torch.optim.Adam(net.parameters)


@wrong(
    TRAINING,
    "parameters used up",
    "params is empty; it has been gone through before, which can be done once; call "
    "parameters() anew",
)
def parameters_used_up(torch):
    net = torch.nn.Linear(4, 1)
    parameters = net.parameters()
    print(sum(p.numel() for p in parameters), "parameters")
    torch.optim.Adam(parameters)


@wrong(
    TRAINING,
    "layers in a plain list",
    "params is empty; Net.layers is a plain list, whose layers are not found; put "
    "nn.ModuleList(...) around it",
)
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


@wrong(
    TRAINING,
    "a tensor that is no parameter",
    "params is empty; Scale.factor is a tensor and no parameter; put nn.Parameter(...) around it",
)
def tensor_in_place_of_parameter(torch):
    class Scale(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = torch.ones(1, requires_grad=True)

        def forward(self, x):
            return self.factor * x

    torch.optim.Adam(Scale().parameters())


@wrong(
    TRAINING,
    "a tensor in the place of a parameter",
    "Linear.weight is a parameter, and a Tensor in its place would not be learned; set it to "
    "Parameter(...), or change its values with weight.copy_(...) inside no_grad()",
)
def parameter_replaced(torch):
    net = torch.nn.Linear(4, 1)
    net.weight = torch.zeros(1, 4)


@wrong(
    TRAINING,
    "the weights of another network",
    "0.weight has shape (8, 4) in the state dict and (16, 4) in the module; was it saved from"
    " another network?",
)
def other_weights(torch):
    nn = torch.nn
    saved = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 1)).state_dict()
    nn.Sequential(nn.Linear(4, 16), nn.Linear(16, 1)).load_state_dict(saved)


@wrong(
    TRAINING,
    "a network in place of its weights",
    "load_state_dict takes what state_dict() returned, got Linear; put .state_dict() behind it",
)
def network_as_weights(torch):
    trained = torch.nn.Linear(4, 1)
    torch.nn.Linear(4, 1).load_state_dict(trained)


@wrong(
    TRAINING,
    "data where a layer is made",
    "in_features must be a whole number, got a tensor of shape (8, 4); a layer is made with "
    "sizes, and then called with data: layer(x)",
)
def layer_made_of_data(torch):
    x = torch.zeros(8, 4)
    torch.nn.Linear(x, 1)


@wrong(
    TRAINING,
    "a class where a layer is wanted",
    "Sequential takes modules, got ReLU at 1; did you mean ReLU()?",
)
def class_as_layer(torch):
    nn = torch.nn
    nn.Sequential(nn.Linear(4, 8), nn.ReLU, nn.Linear(8, 1))


@wrong(
    TRAINING,
    "a list of layers where they are wanted one by one",
    "Sequential takes modules, got list at 0; put a star before it, to pass what is in it",
)
def list_as_layer(torch):
    nn = torch.nn
    nn.Sequential([nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)])


@wrong(
    TRAINING,
    "a layer called with a comma too many",
    "Linear: its forward takes (x), got (Tensor (8, 4), Tensor (8, 1))",
)
def arguments_too_many(torch):
    torch.nn.Linear(4, 1)(torch.zeros(8, 4), torch.zeros(8, 1))


@wrong(
    TRAINING,
    "forward without return",
    "MSELoss: the prediction must be a tensor, got None; does the forward() before it end "
    "with return?",
)
def forward_without_return(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)

        def forward(self, x):
            self.layer(x)

    torch.nn.MSELoss()(Net()(torch.zeros(8, 4)), torch.zeros(8, 1))


@wrong(
    TRAINING,
    "forward misspelt",
    "Net has no forward(self, x); write one; did you mean 'foward'?",
)
def forward_misspelt(torch):
    class Net(torch.nn.Module):
        def foward(self, x):
            return x

    Net()(torch.zeros(8, 4))


@wrong(
    TRAINING,
    "inputs and labels of different lengths",
    "TensorDataset needs tensors of equal length, got shapes (100, 4), (99,)",
)
def unequal_data(torch):
    torch.utils.data.TensorDataset(torch.zeros(100, 4), torch.zeros(99))


@wrong(
    TRAINING,
    "a DataLoader of two arrays",
    "the samples of a batch have different shapes, (100, 4) and (100,); make them equal, or "
    "give the DataLoader a collate_fn",
)
def loader_of_two(torch):
    x, y = torch.zeros(100, 4), torch.zeros(100)
    for batch_x, _batch_y in torch.utils.data.DataLoader((x, y), batch_size=10):
        batch_x @ torch.zeros(4)
