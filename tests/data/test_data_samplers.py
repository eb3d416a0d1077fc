"""Samplers beside PyTorch's, or, where they are random, by what they must give."""

import numpy as np
import pytest

from chainrule import data as ours
from chainrule.autograd import Generator, manual_seed
from chainrule.errors import DataError, OptionError
from chainrule.utils import data as also_ours
from chainrule.utils.data.dataloader import DataLoader
from chainrule.utils.data.distributed import DistributedSampler


@pytest.fixture
def theirs(torch):
    """PyTorch's package of the same name."""
    return torch.utils.data


@pytest.mark.parametrize("n", [0, 1, 7, 8])
@pytest.mark.parametrize("size", [1, 3, 8])
@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_of_numbers_as_in_torch(n, size, drop_last, theirs):
    found = ours.BatchSampler(ours.SequentialSampler(range(n)), size, drop_last)
    expected = theirs.BatchSampler(theirs.SequentialSampler(range(n)), size, drop_last)
    assert list(found) == list(expected)
    assert len(found) == len(expected)


@pytest.mark.parametrize("n", [1, 2, 10, 11])
@pytest.mark.parametrize("replicas", [1, 2, 3, 5])
@pytest.mark.parametrize("drop_last", [False, True])
def test_parts_for_processes_as_in_torch(n, replicas, drop_last, theirs):
    for rank in range(replicas):
        options = {"shuffle": False, "drop_last": drop_last}
        found = DistributedSampler(range(n), replicas, rank, **options)
        expected = theirs.DistributedSampler(range(n), replicas, rank, **options)
        assert list(found) == list(expected)
        assert len(found) == len(expected)


def test_processes_share_one_order_that_an_epoch_changes():
    def pass_of(epoch):
        parts = [DistributedSampler(range(10), 2, rank) for rank in range(2)]
        for part in parts:
            part.set_epoch(epoch)
        return [list(part) for part in parts]

    first = pass_of(0)
    assert first == pass_of(0) != pass_of(1)
    assert sorted(first[0] + first[1]) == list(range(10))


def test_random_samples():
    sampler = ours.RandomSampler(range(10), generator=Generator(0))
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert all(type(i) is int for i in first)
    many = list(ours.RandomSampler(range(4), num_samples=10, generator=Generator(0)))
    assert sorted(many[:4]) == sorted(many[4:8]) == [0, 1, 2, 3]
    drawn = list(ours.RandomSampler(range(4), True, 4000, Generator(0)))
    assert np.bincount(drawn).min() > 900
    manual_seed(1)
    from_default = list(ours.RandomSampler(range(10)))
    manual_seed(1)
    assert from_default == list(ours.RandomSampler(range(10)))
    some = list(ours.SubsetRandomSampler([9, "a", 5], Generator(0)))
    assert sorted(map(str, some)) == ["5", "9", "a"]


def test_weights():
    weights = [1.0, 0.0, 3.0]
    drawn = list(ours.WeightedRandomSampler(weights, 8000, generator=Generator(0)))
    counts = np.bincount(drawn, minlength=3)
    assert counts[1] == 0
    assert counts[2] / 8000 == pytest.approx(0.75, abs=0.03)
    firsts = np.zeros(3)
    generator = Generator(0)
    for _ in range(2000):
        order = list(ours.WeightedRandomSampler(weights, 2, False, generator))
        assert sorted(order) == [0, 2]
        firsts[order[0]] += 1
    assert firsts[2] / 2000 == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: ours.RandomSampler("abc", num_samples=0),
            "num_samples must be a whole number of at least 1, got 0",
        ),
        (
            lambda: ours.RandomSampler("abc", replacement=1),
            "replacement must be True or False, got 1",
        ),
        (
            lambda: list(ours.RandomSampler("", num_samples=2)),
            "num_samples is 2, but there is no sample to draw from",
        ),
        (
            lambda: ours.WeightedRandomSampler([-1.0, 2.0], 1),
            "weights must be numbers of at least 0, one of them above 0",
        ),
        (
            lambda: ours.WeightedRandomSampler([[1.0]], 1),
            "weights must be a list of numbers, got shape (1, 1)",
        ),
        (
            lambda: ours.WeightedRandomSampler([1.0, 0.0], 2, False),
            "2 numbers cannot be drawn without replacement where 1 weights are above 0",
        ),
        (
            lambda: DistributedSampler("abc"),
            "DistributedSampler needs num_replicas, how many processes there are, and rank, "
            "the number of this one: give both, or call distributed.init() before",
        ),
        (lambda: DistributedSampler("abc", 2, 2), "rank must be from 0 to 1, got 2"),
        (
            lambda: DataLoader("abc", sampler=[1], shuffle=True),
            "shuffle cannot be given beside sampler; leave one of them out",
        ),
        (
            lambda: DataLoader("abc", batch_sampler=[[1]], batch_size=2),
            "batch_size cannot be given beside batch_sampler; leave one of them out",
        ),
        (
            lambda: DataLoader(ours.ChainDataset([]), shuffle=True),
            "shuffle cannot be given beside an IterableDataset, which has an order of its own,; "
            "leave one of them out",
        ),
        (
            lambda: DataLoader("abc", None, drop_last=True),
            "drop_last cannot be given beside batch_size=None: there are no batches",
        ),
        (
            lambda: DataLoader("abc", num_workers=-1),
            "num_workers must be a whole number of at least 0, got -1",
        ),
        (
            lambda: DataLoader("abc", persistent_workers=True),
            "persistent_workers is for workers; give num_workers of at least 1 with it",
        ),
        (
            lambda: ours.StackDataset("abc", d="abc"),
            "StackDataset takes data sets either in a row or by name, got 1 and 1",
        ),
    ],
)
def test_what_is_refused(call, sentence):
    with pytest.raises(OptionError) as caught:
        call()
    assert str(caught.value) == sentence


class Stream(ours.IterableDataset):
    """Numbers, one after another."""

    def __iter__(self):
        return iter(range(7))


class Sized(Stream):
    """Numbers of which it is known how many there are."""

    def __len__(self):
        return 7


@pytest.mark.parametrize("drop_last", [False, True])
def test_streams(drop_last, theirs):
    class Theirs(theirs.IterableDataset):
        def __iter__(self):
            return iter(range(7))

    loader = DataLoader(Stream(), 3, drop_last=drop_last)
    expected = theirs.DataLoader(Theirs(), 3, drop_last=drop_last)
    assert [b.tolist() for b in loader] == [b.tolist() for b in expected]
    assert len(DataLoader(Sized(), 3, drop_last=drop_last)) == len(list(loader))
    assert list(DataLoader(Stream(), None)) == list(range(7))
    both = Stream() + Sized()
    assert [b.tolist() for b in DataLoader(both, 10)] == [
        [0, 1, 2, 3, 4, 5, 6, 0, 1, 2],
        [3, 4, 5, 6],
    ]
    assert len(ours.ChainDataset([Sized(), Sized()])) == 14
    with pytest.raises(TypeError):
        len(DataLoader(Stream(), 3))
    with pytest.raises(NotImplementedError, match=r"IterableDataset has no __iter__\(self\)"):
        iter(ours.IterableDataset())


def test_samplers_of_ones_own():
    squares = ours.TensorDataset(np.arange(6) ** 2)
    assert [x.tolist() for (x,) in DataLoader(squares, 2, sampler=[5, 0, 3])] == [[25, 0], [9]]
    loader = DataLoader(squares, batch_sampler=[[1, 2, 3], [0]])
    assert [x.tolist() for (x,) in loader] == [[1, 4, 9], [0]]
    assert len(loader) == 2
    assert loader.batch_size is None
    named = DataLoader({"a": 1, "b": 2}, 2, sampler=["b", "a"])
    assert [x.tolist() for x in named] == [[2, 1]]
    singles = DataLoader(squares, None, shuffle=True, generator=Generator(0))
    assert sorted(x.item() for (x,) in singles) == [0, 1, 4, 9, 16, 25]
    pairs = ours.TensorDataset(np.arange(3)) + ours.TensorDataset(np.arange(2))
    assert len(pairs) == 5


def test_a_data_set_that_gathers_lists_is_asked_for_them():
    class Lists:
        def __len__(self):
            return 4

        def __getitems__(self, which):
            assert type(which) is list
            return [i * 10 for i in which]

    assert [x.tolist() for x in DataLoader(Lists(), 3)] == [[0, 10, 20], [30]]


def test_side_by_side(theirs):
    x, y = np.arange(3), np.arange(3) * 2
    for args, kwargs in (((x, y), {}), ((), {"x": x, "y": y})):
        found, expected = ours.StackDataset(*args, **kwargs), theirs.StackDataset(*args, **kwargs)
        assert [found[i] for i in range(3)] == [expected[i] for i in range(3)]
        assert len(found) == len(expected)
    with pytest.raises(DataError, match=r"equal length, got \[3, 2\]"):
        ours.StackDataset(x, y[:2])


def test_converting(theirs):
    sample = {"x": np.ones(2), "y": [np.float32(1), "a"], "z": (1, 2.5)}
    found, expected = ours.default_convert(sample), theirs.default_convert(sample)
    assert list(found) == list(expected)
    assert found["x"].tolist() == expected["x"].tolist()
    assert found["y"][0].item() == expected["y"][0].item()
    assert (found["y"][1], list(found["z"])) == ("a", list(expected["z"]))


def test_what_torch_has(theirs):
    absent = {name for name in theirs.__all__ if not hasattr(also_ours, name)}
    # Pipes of data, which PyTorch has given up.
    pipes = {"DataChunk", "argument_validation", "non_deterministic"}
    assert [n for n in absent - pipes if "ipe" not in n and "_" not in (n[0], n[7:8])] == []
