"""What a person is told: one sentence, the module's path first, both shapes, and what to do."""

import numpy as np
import pytest

from chainrule import nn
from chainrule.autograd import from_numpy, tensor, zeros
from chainrule.errors import ChainruleError, DataError, OptionError, ShapeError
from chainrule.nn import functional as F


def images(*shape, dtype=np.float32):
    return from_numpy(np.zeros(shape, dtype))


def nested(*layers):
    """Layers a floor down, so that their paths have two names."""
    return nn.Sequential({"body": nn.Sequential(*layers)})


LABELS = tensor([0, 4, 2])

WHEN_CALLED = [
    # module, inputs, the kind of error, the sentence
    (
        nested(nn.ReLU(), nn.Linear(128, 10)),
        [images(2, 64, 12, 12)],
        ShapeError,
        "body.1 (Linear): expected 128 input features, got shape (2, 64, 12, 12); flattened it has "
        "9216 = 64 x 12 x 12: put Flatten before it and set in_features=9216",
    ),
    (
        nn.Linear(784, 10),
        [images(2, 1, 28, 28)],
        ShapeError,
        "Linear: expected 784 input features, got shape (2, 1, 28, 28); flattened it has "
        "784 = 1 x 28 x 28: put Flatten before it",
    ),
    (
        nested(nn.Flatten(), nn.Linear(100, 10)),
        [images(2, 1, 28, 28)],
        ShapeError,
        "body.1 (Linear): expected 100 input features, got 784; set in_features=784",
    ),
    (
        nn.Linear(3, 2),
        [tensor(1.0)],
        ShapeError,
        "Linear: expected 3 input features, got a single number; give it shape (3,)",
    ),
    (
        nested(nn.Conv2d(3, 8, 3)),
        [images(2, 1, 28, 28)],
        ShapeError,
        "body.0 (Conv2d): expected images (N, 3, H, W), got shape (2, 1, 28, 28); "
        "set in_channels=1",
    ),
    (
        nn.Conv2d(3, 8, 3),
        [images(2, 28, 28, 3)],
        ShapeError,
        "Conv2d: expected images (N, 3, H, W), got shape (2, 28, 28, 3); if the channels come "
        "last, put x.permute(0, 3, 1, 2)",
    ),
    (
        nn.Conv2d(3, 8, 3),
        [images(2, 12)],
        ShapeError,
        "Conv2d: expected images (N, 3, H, W), got shape (2, 12); for "
        "flattened images put x.view(-1, 3, 2, 2)",
    ),
    (
        nested(nn.Conv2d(1, 8, 5)),
        [images(2, 1, 4, 9)],
        ShapeError,
        "body.0 (Conv2d): a window of (5, 5) does not fit images of 4x9 with padding (0, 0); "
        "use a smaller one, more padding, or fewer layers that make images smaller",
    ),
    (
        nested(nn.MaxPool2d(2, padding=2)),
        [images(2, 1, 8, 8)],
        ShapeError,
        "body.0 (MaxPool2d): padding (2, 2) must be at most half of the window (2, 2), or a window "
        "could lie wholly outside",
    ),
    (
        nested(nn.Conv2d(1, 8, 5)),
        [images(2, 1, 28, 28, dtype=np.uint8)],
        DataError,
        "body.0 (Conv2d): expected floating-point input, got uint8; convert it, for example with "
        "x.float() / 255 for images of bytes",
    ),
    (
        nested(nn.Flatten(), nn.Linear(784, 10)),
        [images(2, 1, 28, 28, dtype=np.int64)],
        DataError,
        "body.1 (Linear): expected floating-point input, got int64; convert it, for example with "
        "x.float() / 255 for images of bytes",
    ),
    (
        nested(nn.BatchNorm2d(3)),
        [images(2, 4, 5, 5)],
        ShapeError,
        "body.0 (BatchNorm2d): expected 4 dimensions with 3 channels second, got shape "
        "(2, 4, 5, 5); set num_features=4",
    ),
    (
        nested(nn.BatchNorm1d(3)),
        [images(3)],
        ShapeError,
        "body.0 (BatchNorm1d): expected 2 or 3 dimensions with 3 channels second, got shape (3,)",
    ),
    (
        nested(nn.BatchNorm1d(3)),
        [images(1, 3)],
        ShapeError,
        "body.0 (BatchNorm1d): batch norm in training needs more than one value a channel, got "
        "shape (1, 3); use a larger batch, or call .eval()",
    ),
    (
        nn.BatchNorm2d(3, track_running_stats=False).eval(),
        [images(1, 3, 1, 1)],
        ShapeError,
        "BatchNorm2d: batch norm in training needs more than one value a channel, got shape "
        "(1, 3, 1, 1); use a larger batch, or call .eval()",
    ),
    (
        nested(nn.LayerNorm((4, 5))),
        [images(2, 5, 4)],
        ShapeError,
        "body.0 (LayerNorm): expected the last dimensions to be (4, 5), got shape (2, 5, 4)",
    ),
    (
        nn.LayerNorm((4, 5)),
        [images(5)],
        ShapeError,
        "LayerNorm: expected the last dimensions to be (4, 5), got shape (5,)",
    ),
    (
        nested(nn.Embedding(10, 4)),
        [tensor([[1, 2], [12, 3]])],
        DataError,
        "body.0 (Embedding): index 12 is outside the 10 embeddings 0 to 9",
    ),
    (
        nested(nn.Embedding(10, 4)),
        [tensor([0, -1])],
        DataError,
        "body.0 (Embedding): index -1 is outside the 10 embeddings 0 to 9",
    ),
    (
        nested(nn.Embedding(10, 4)),
        [tensor([0.0, 1.0])],
        DataError,
        "body.0 (Embedding): an embedding is looked up by integers, got float32",
    ),
    (
        nested(nn.Normalize([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])),
        [images(2, 1, 5, 5)],
        ShapeError,
        "body.0 (Normalize): expected 3 channels or columns, got shape (2, 1, 5, 5)",
    ),
    # --- losses
    (
        nn.CrossEntropyLoss(),
        [images(3, 4), LABELS],
        DataError,
        "CrossEntropyLoss: label 4 at index 1 is outside the 4 classes 0 to 3; if there are more "
        "classes, give the last layer an output for each",
    ),
    (
        nn.CrossEntropyLoss(),
        [images(2, 4, 3), tensor([[0, 1, 2], [3, -1, 0]])],
        DataError,
        "CrossEntropyLoss: label -1 at index (1, 1) is outside the 4 classes 0 to 3; to leave such "
        "rows out set ignore_index=-1",
    ),
    (
        nn.NLLLoss(ignore_index=2),
        [images(3, 4), LABELS],
        DataError,
        "NLLLoss: label 4 at index 1 is outside the 4 classes 0 to 3; if there are more "
        "classes, give the last layer an output for each",
    ),
    (
        nn.MultiMarginLoss(),
        [images(2, 4), tensor([0, -1])],
        DataError,
        "MultiMarginLoss: label -1 at index 1 is outside the 4 classes 0 to 3",
    ),
    (
        nn.CrossEntropyLoss(),
        [images(3, 4), tensor([0.0, 1.0, 2.0])],
        DataError,
        "CrossEntropyLoss: class labels must be integers from 0 to 3, got float32; convert them "
        "with .long(), or pass probabilities of the same shape as the input",
    ),
    (
        nn.CrossEntropyLoss(),
        [images(3, 4), tensor([[0], [1], [2]])],
        ShapeError,
        "CrossEntropyLoss: labels of shape (3, 1) do not go with scores of shape (3, 4): one label "
        "a row is expected, shape (3,); put .squeeze(-1) behind the labels",
    ),
    (
        nn.MultiMarginLoss(),
        [images(3, 4), tensor([[0], [1], [2]])],
        ShapeError,
        "MultiMarginLoss: labels of shape (3, 1) do not go with scores of shape (3, 4): one label "
        "a row is expected, shape (3,); put .squeeze(-1) behind the labels",
    ),
    (
        nn.MSELoss(),
        [images(3, 1), images(3)],
        ShapeError,
        "MSELoss: the prediction has shape (3, 1) and the target (3,); they must be equal, because "
        "broadcasting would compare wrong pairs; put prediction.squeeze(1), or target.unsqueeze(1)",
    ),
    (
        nn.MSELoss(reduction="avg"),
        [images(3), images(3)],
        OptionError,
        "MSELoss: reduction 'avg' is not known; use one of mean, sum, none",
    ),
    (
        nn.CrossEntropyLoss(reduction="means"),
        [images(3, 4), tensor([0, 1, 2])],
        OptionError,
        "CrossEntropyLoss: reduction 'means' is not known; use one of mean, sum, none; did you "
        "mean 'mean'?",
    ),
    (
        nn.CrossEntropyLoss(label_smoothing=1.5),
        [images(3, 4), tensor([0, 1, 2])],
        OptionError,
        "CrossEntropyLoss: label_smoothing must be between 0 and 1, got 1.5",
    ),
    (
        nn.BCELoss(),
        [tensor([0.5, 1.5]), tensor([1.0, 0.0])],
        DataError,
        "BCELoss: binary_cross_entropy takes probabilities from 0 to 1, got 0.5 to 1.5; use "
        "binary_cross_entropy_with_logits for scores",
    ),
    (
        nn.HuberLoss(delta=0.0),
        [images(3), images(3)],
        OptionError,
        "HuberLoss: delta must be above 0, got 0.0",
    ),
    (
        nn.SmoothL1Loss(beta=-1.0),
        [images(3), images(3)],
        OptionError,
        "SmoothL1Loss: beta must be at least 0, got -1.0",
    ),
    (
        nn.MultiMarginLoss(p=3),
        [images(3, 4), tensor([0, 1, 2])],
        OptionError,
        "MultiMarginLoss: p must be 1 or 2, got 3",
    ),
    (
        nn.GELU("tahn"),
        [images(3)],
        OptionError,
        "GELU: approximate must be 'none' or 'tanh', got 'tahn'",
    ),
]

# Losses that would broadcast compare wrong pairs; all of them refuse.
PAIRED = [
    nn.MSELoss(),
    nn.L1Loss(),
    nn.SmoothL1Loss(),
    nn.SmoothL1Loss(beta=0),
    nn.HuberLoss(),
    nn.HingeEmbeddingLoss(),
    nn.SoftMarginLoss(),
    nn.BCELoss(),
    nn.BCEWithLogitsLoss(),
    nn.KLDivLoss(),
]

WHEN_MADE = [
    (lambda: nn.Linear(0, 3), "in_features must be at least 1, got 0"),
    (lambda: nn.Linear(3, -1), "out_features must be at least 1, got -1"),
    (lambda: nn.Conv2d(3, 0, 3), "out_channels must be at least 1, got 0"),
    (lambda: nn.Conv2d(3, 4, (3, 0)), "kernel_size must be at least 1, got 0"),
    (
        lambda: nn.Conv2d(3, 4, 3, groups=2),
        "groups=2 must divide in_channels=3 and out_channels=4",
    ),
    (lambda: nn.Embedding(0, 3), "num_embeddings must be at least 1, got 0"),
    (lambda: nn.Embedding(4, 3, padding_idx=4), "padding_idx=4 is not one of 4 things"),
    (lambda: nn.Dropout(1.5), "dropout's probability must be between 0 and 1, got 1.5"),
    (lambda: nn.Dropout(-0.1), "dropout's probability must be between 0 and 1, got -0.1"),
    (lambda: nn.Dropout(float("nan")), "dropout's probability must be between 0 and 1, got nan"),
    (
        lambda: nn.Normalize([1.0], [0.0]),
        "Normalize takes as many std as mean, and every std above 0",
    ),
    (
        lambda: nn.Normalize([1.0, 2.0], 3.0),
        "Normalize takes as many std as mean, and every std above 0",
    ),
    (lambda: F.dropout(zeros(2), 2.0), "dropout's probability must be between 0 and 1, got 2.0"),
]


@pytest.mark.parametrize(
    ("module", "inputs", "error", "sentence"), WHEN_CALLED, ids=[row[3][:60] for row in WHEN_CALLED]
)
def test_when_called(module, inputs, error, sentence):
    with pytest.raises(error) as caught:
        module(*inputs)
    assert str(caught.value) == sentence
    assert isinstance(caught.value, ValueError)  # what NumPy, or PyTorch, would raise


@pytest.mark.parametrize("loss", PAIRED, ids=repr)
@pytest.mark.parametrize("shapes", [((3, 1), (3,)), ((3,), (3, 1)), ((2, 3), (1, 3)), ((3,), ())])
def test_losses_do_not_broadcast(loss, shapes):
    with pytest.raises(ShapeError, match="broadcasting would compare wrong pairs"):
        loss(*(images(*shape) for shape in shapes))


@pytest.mark.parametrize(("make", "sentence"), WHEN_MADE, ids=[row[1] for row in WHEN_MADE])
def test_when_made(make, sentence):
    with pytest.raises(OptionError) as caught:
        make()
    assert str(caught.value) == sentence


def test_the_path_is_that_of_the_innermost_module():
    class Net(nn.Module):
        def __init__(self):
            self.layers = nn.ModuleList([nested(nn.ReLU(), nn.Linear(3, 3))])

        def forward(self, x):
            return self.layers[0](x)

    with pytest.raises(ChainruleError, match=r"^layers\.0\.body\.1 \(Linear\): expected 3"):
        Net()(images(2, 4))


def test_what_goes_wrong_in_a_persons_own_forward_names_it():
    class Net(nn.Module):
        def forward(self, x):
            return F.mse_loss(x, x.reshape(-1))

    with pytest.raises(ShapeError, match=r"^1 \(Net\): the prediction has shape \(2, 4\)"):
        nn.Sequential(nn.ReLU(), Net())(images(2, 4))


def test_errors_that_are_not_ours_are_left_alone():
    class Net(nn.Module):
        def forward(self, x):
            raise KeyError("mine")

    with pytest.raises(KeyError, match=r"^'mine'$"):
        nn.Sequential(Net())(images(1))
