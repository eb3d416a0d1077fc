"""Data sets and their batches: PyTorch's structures, lengths and ends, and its samples' order."""

import warnings
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

from chainrule.autograd import Generator, Tensor, arange, from_numpy, manual_seed, tensor
from chainrule.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    Subset,
    TensorDataset,
    default_collate,
    random_split,
)
from chainrule.errors import DataError, OptionError, ShapeError

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10) * 10


class Squares(Dataset):
    """Numbers and their squares, one at a time."""

    def __init__(self, n=10):
        self.n = n

    def __getitem__(self, i):
        return i, float(i * i)

    def __len__(self):
        return self.n


def numbers(loader):
    """The targets of every batch, as lists."""
    return [np.asarray(y).reshape(-1).tolist() for *_, y in loader]


def plain(value):
    """A batch of either library with lists in the place of tensors, to be compared."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


# --- data sets ----------------------------------------------------------------------------------


def test_tensors():
    data = TensorDataset(X, from_numpy(Y))
    assert len(data) == 10
    x, y = data[3]
    assert (x.tolist(), y.item()) == ([6.0, 7.0], 30)
    assert [part.tolist() for part in data[-1]] == [[18.0, 19.0], 90]
    assert [part.tolist() for part in data[np.int64(0)]] == [[0.0, 1.0], 0]
    assert [tuple(part.shape) for part in data[2:5]] == [(3, 2), (3,)]
    assert [len(part) for part in TensorDataset([1, 2], [[3], [4]]).tensors] == [2, 2]


@pytest.mark.parametrize("data", [TensorDataset(Y), Subset(TensorDataset(Y), range(10))])
def test_a_loop_over_samples_ends(data):
    assert [sample[0].item() for sample in data] == Y.tolist()
    for index in (10, -11):
        with pytest.raises(IndexError):
            data[index]


def test_arrays_are_shared_with_the_data_set_and_not_with_batches():
    x = X.copy()
    data = TensorDataset(x)
    x[0] = 99
    assert data[0][0].tolist() == [99, 99]
    for loader in (DataLoader(data, 4), DataLoader(Subset(data, [0, 1]), 2)):
        for (batch,) in loader:
            batch.mul_(0)
    assert x[0].tolist() == [99, 99]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ((), "needs tensors of equal length, got shapes none"),
        ((X, Y[:9]), r"equal length, got shapes \(10, 2\), \(9,\)"),
    ],
)
def test_tensors_of_other_lengths(arrays, words):
    with pytest.raises(DataError, match=words):
        TensorDataset(*arrays)


def test_what_a_data_set_lacks():
    class Empty(Dataset):
        pass

    with pytest.raises(
        NotImplementedError, match=r"Empty has no __getitem__\(self, i\); write one"
    ):
        Empty()[0]
    with pytest.raises(NotImplementedError, match=r"Empty has no __len__\(self\); write one"):
        len(Empty())


INDICES = [[7, 2, 2], (0,), range(3, 6), np.array([9, 0]), np.array([1], np.uint8), tensor([4, 5])]


@pytest.mark.parametrize("indices", INDICES, ids=str)
@pytest.mark.parametrize("data", [TensorDataset(X, Y), Squares()], ids=["tensors", "own"])
def test_subsets(data, indices):
    subset = Subset(data, indices)
    expected = [int(i) for i in np.asarray(indices)]
    assert len(subset) == len(expected)
    for place, i in enumerate(expected):
        assert plain(subset[place]) == plain(data[i])
    assert hasattr(subset, "take") == isinstance(data, TensorDataset)
    (batch,) = DataLoader(subset, 10)
    assert plain(batch) == plain(default_collate([data[i] for i in expected]))


def test_subsets_of_subsets():
    inner = Subset(TensorDataset(X, Y), [9, 8, 7, 6])
    outer = Subset(inner, [0, 3])
    assert numbers(DataLoader(outer, 2)) == [[90, 60]]
    assert numbers(DataLoader(Subset(ConcatDataset([inner, outer]), [4, 0, 5]), 3)) == [
        [90, 90, 60]
    ]


@pytest.mark.parametrize("indices", [Y > 50, [True, False], [0.5], [[1, 2]], 3])
def test_what_are_no_indices(indices):
    with pytest.raises(OptionError, match=r"a list of whole numbers, got .* np.flatnonzero\(mask"):
        Subset(TensorDataset(Y), indices)


def test_an_index_that_is_not_there_is_found():
    subset = Subset(TensorDataset(Y), [3, 10])
    assert subset[0][0].item() == 30
    with pytest.raises(IndexError):
        subset[1]
    with pytest.raises(IndexError):
        list(DataLoader(subset, 2))
    with pytest.raises(AttributeError, match="Subset has no attribute 'tensors'"):
        subset.tensors  # noqa: B018


def test_one_after_another():
    data = ConcatDataset([TensorDataset(Y[:3]), TensorDataset(Y[:0]), TensorDataset(Y[3:])])
    assert len(data) == 10
    assert [sample[0].item() for sample in data] == Y.tolist()
    assert data[-1][0].item() == 90
    assert numbers(DataLoader(data, 4)) == [[0, 10, 20, 30], [40, 50, 60, 70], [80, 90]]
    assert len(ConcatDataset([Squares(2), Squares(3)])) == 5
    for index in (10, -11):
        with pytest.raises(IndexError):
            data[index]
    with pytest.raises(DataError, match="needs at least one data set"):
        ConcatDataset([])


# --- random splits ------------------------------------------------------------------------------


SHARES = [[0.5, 0.5], [0.75, 0.25], [0.33, 0.33, 0.34], [1.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("n", "lengths"),
    [
        *((10, sizes) for sizes in ([7, 3], [10], [0, 10], [1, 2, 3, 4])),
        *((n, shares) for n in (10, 13, 1) for shares in SHARES),
    ],
    ids=str,
)
def test_splits_as_in_torch(torch, n, lengths):
    data = TensorDataset(np.arange(n))
    parts = random_split(data, lengths, generator=Generator(0))
    with warnings.catch_warnings(action="ignore"):  # PyTorch warns of empty parts
        theirs = torch.utils.data.random_split(range(n), lengths)
    assert [len(part) for part in parts] == [len(part) for part in theirs]
    everything = [sample[0].item() for part in parts for sample in part]
    assert sorted(everything) == list(range(n))


def test_a_split_is_that_of_its_generator():
    def split(seed):
        parts = random_split(TensorDataset(np.arange(50)), [40, 10], generator=Generator(seed))
        return [part.indices.tolist() for part in parts]

    assert split(1) == split(1) != split(2)
    assert split(1)[0] != sorted(split(1)[0])
    manual_seed(3)
    first = random_split(Squares(), [5, 5])[0].indices
    manual_seed(3)
    np.testing.assert_array_equal(random_split(Squares(), [5, 5])[0].indices, first)


@pytest.mark.parametrize(
    "lengths", [[5, 4], [11, -1], [0.5, 0.4], [1.5, -0.5], [], [2.5, 7.5], [0, 1], [float("nan")]]
)
def test_lengths_that_do_not_add_up(lengths):
    with pytest.raises(OptionError, match="must be sizes that add up to 10, or shares that add up"):
        random_split(Squares(), lengths)


# --- batches ------------------------------------------------------------------------------------


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3, 5, 10, 11])
@pytest.mark.parametrize("n", [10, 1, 0])
@pytest.mark.parametrize("kind", ["tensors", "own", "subset"])
def test_batches_as_in_torch(torch, kind, n, batch_size, drop_last):
    ours, theirs = {
        "tensors": lambda: (
            TensorDataset(X[:n], Y[:n]),
            torch.utils.data.TensorDataset(torch.tensor(X[:n]), torch.tensor(Y[:n])),
        ),
        "own": lambda: (Squares(n), Squares(n)),
        "subset": lambda: (
            Subset(TensorDataset(Y), range(10 - n, 10)),
            torch.utils.data.Subset(
                torch.utils.data.TensorDataset(torch.tensor(Y)), range(10 - n, 10)
            ),
        ),
    }[kind]()
    loader = DataLoader(ours, batch_size, drop_last=drop_last)
    other = torch.utils.data.DataLoader(theirs, batch_size, drop_last=drop_last)
    assert len(loader) == len(other)
    batches = list(loader)
    assert plain(batches) == plain(list(other))
    assert all(type(batch) is list for batch in batches)
    assert [len(batch[0]) for batch in batches] == [len(batch[0]) for batch in other]


@pytest.mark.parametrize("data", [TensorDataset(Y), Squares(), list(range(10))], ids=type)
def test_every_pass_is_a_new_order_of_the_same(data):
    loader = DataLoader(data, 10, shuffle=True, generator=Generator(0))
    first, second = (np.ravel(plain(next(iter(loader)))).tolist() for _ in range(2))
    in_order = np.ravel(plain(next(iter(DataLoader(data, 10))))).tolist()
    assert sorted(first) == sorted(second) == sorted(in_order)
    assert first != second
    assert in_order not in (first, second)


def test_an_order_is_that_of_its_generator():
    def passes(seed):
        loader = DataLoader(TensorDataset(Y), 4, shuffle=True, generator=Generator(seed))
        return [[y for batch in numbers(loader) for y in batch] for _ in range(3)]

    first = passes(5)
    assert first == passes(5) != passes(6)
    assert first[0] != first[1]
    for order in first:
        assert sorted(order) == Y.tolist()
        assert order != Y.tolist()


def test_the_order_does_not_depend_on_how_batches_are_gathered():
    class Slow(Dataset):
        def __getitem__(self, i):
            return X[i], Y[i]

        def __len__(self):
            return 10

    one, other = (
        DataLoader(data, 3, shuffle=True, generator=Generator(2))
        for data in (TensorDataset(X, Y), Slow())
    )
    assert plain(list(one)) == plain(list(other))


def test_without_a_generator_the_default_is_drawn_from():
    loader = DataLoader(TensorDataset(Y), 10, shuffle=True)
    orders = []
    for seed in (1, 1, 2):
        manual_seed(seed)
        orders.append(numbers(loader)[0])
    assert orders[0] == orders[1] != orders[2]


def test_without_shuffling_nothing_is_drawn():
    generator = Generator(0)
    before = generator.get_state()
    assert numbers(DataLoader(TensorDataset(Y), 10, generator=generator)) == [Y.tolist()]
    np.testing.assert_array_equal(generator.get_state(), before)


def test_two_loops_over_one_loader():
    loader = DataLoader(TensorDataset(Y), 5)
    first, second = iter(loader), iter(loader)
    assert next(first)[0].tolist() == next(second)[0].tolist() == [0, 10, 20, 30, 40]
    assert next(first)[0].tolist() == [50, 60, 70, 80, 90]
    assert next(second)[0].tolist() == [50, 60, 70, 80, 90]


def test_the_data_set_may_grow():
    data = [1, 2, 3]
    loader = DataLoader(data, 2)
    data.append(4)
    assert len(loader) == 2
    assert [batch.tolist() for batch in loader] == [[1, 2], [3, 4]]


def test_dtypes_are_those_of_the_data():
    (x, y, z) = next(iter(DataLoader(TensorDataset(X, Y, Y > 3), 4)))
    assert (x.dtype, y.dtype, z.dtype) == (np.float32, np.int64, np.bool_)
    assert all(isinstance(part, Tensor) for part in (x, y, z))


def test_collate_fn():
    seen = []

    def collate(samples):
        seen.append([type(sample) for sample in samples])
        return sum(y for _, y in samples)

    assert list(DataLoader(Squares(5), 2, collate_fn=collate)) == [1.0, 13.0, 16.0]
    assert seen == [[tuple, tuple], [tuple, tuple], [tuple]]
    # It is asked also where batches could be gathered whole.
    loader = DataLoader(TensorDataset(X, Y), 10, collate_fn=len)
    assert list(loader) == [10]


def test_what_torch_scripts_pass():
    loader = DataLoader(dataset=Squares(), batch_size=4, shuffle=False, num_workers=2)
    assert (len(loader), len(loader.dataset), loader.batch_size) == (3, 10, 4)


@pytest.mark.parametrize("size", [0, -1, 2.5, "3", True])
def test_batch_sizes_that_are_none(size):
    with pytest.raises(OptionError, match=f"must be a whole number of at least 1, got {size!r}"):
        DataLoader(Squares(), size)


# --- collating ----------------------------------------------------------------------------------

Point = namedtuple("Point", "x y")

SAMPLES = {
    "integers": [1, 2, 3],
    "numbers": [1.5, 2.0],
    "truths": [True, False],
    "texts": ["a", "b"],
    "bytes": [b"a", b"b"],
    "pairs": [(1, 2.0), (3, 4.0)],
    "lists": [[1, 2], [3, 4]],
    "named": [Point(1, 2.0), Point(3, 4.0)],
    "mappings": [{"a": 1, "b": (2, "x")}, {"a": 3, "b": (4, "y")}],
    "ordered": [OrderedDict(z=1, a=2), OrderedDict(z=3, a=4)],
    "nested": [[(1, [2, 3]), {"k": 4.0}], [(5, [6, 7]), {"k": 8.0}]],
    "arrays": [np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)],
    "arrays of bytes": [np.arange(3, dtype=np.uint8)] * 2,
    "numbers of NumPy's": [np.float64(1.5), np.float64(2)],
    "without dimensions": [np.array(1.5), np.array(2.5)],
    "one": [(np.ones(2), 1)],
}


@pytest.mark.parametrize("name", SAMPLES)
def test_collating_as_in_torch(torch, name):
    samples = SAMPLES[name]
    ours, theirs = default_collate(samples), torch.utils.data.default_collate(samples)
    assert plain(ours) == plain(theirs)

    def alike(a, b):
        if isinstance(a, Tensor):
            assert isinstance(b, torch.Tensor)
            assert tuple(a.shape) == tuple(b.shape)
            # A Python number becomes float32 here: PyTorch's float64 fits no layer.
            assert str(a.dtype) == str(b.numpy().dtype) or b.dtype == torch.float64
        elif isinstance(a, dict):
            assert list(a) == list(b)
            for key in a:
                alike(a[key], b[key])
        elif isinstance(a, (list, tuple)):
            # Where PyTorch has no tensors to make it passes on the tuple that it has.
            assert type(a).__name__ == type(b).__name__ or isinstance(a[0], str)
            for one, other in zip(a, b, strict=True):
                alike(one, other)
        else:
            assert a == b

    alike(ours, theirs)


def test_collating_tensors():
    batch = default_collate([arange(3), arange(3) + 1])
    assert batch.tolist() == [[0, 1, 2], [1, 2, 3]]
    needing = tensor([1.0, 2.0], requires_grad=True)
    assert default_collate([needing, needing]).tolist() == [[1, 2], [1, 2]]


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([np.ones(2), np.ones(3)], r"different shapes, \(2,\) and \(3,\); .* a collate_fn"),
        ([tensor([[1.0]]), tensor([1.0])], r"different shapes, \(1, 1\) and \(1,\)"),
        ([(1, 2), (1,)], "different lengths, 2 and 1"),
        ([(np.ones(2), 1), (np.ones(1), 1)], "different shapes"),
    ],
)
def test_samples_that_are_no_batch(samples, words):
    with pytest.raises(ShapeError, match=words):
        default_collate(samples)
