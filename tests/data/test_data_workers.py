"""Workers: the same batches in the same order, errors with their line, and none left over."""

import contextlib
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from chainrule.autograd import Generator, rand
from chainrule.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info
from chainrule.errors import DataError

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="classes are made in tests here"
)
# Forking is quickest, and lets a test define its data set where it uses it.
FORK = {"multiprocessing_context": "fork"}


class Squares(Dataset):
    """Numbers, their squares, and the number of the worker."""

    def __getitem__(self, i):
        info = get_worker_info()
        return i, np.full(2, i * i, np.float32), -1 if info is None else info.id

    def __len__(self):
        return 10


class Shared(IterableDataset):
    """Ten numbers, of which each worker takes its part."""

    def __iter__(self):
        info = get_worker_info()
        return iter(range(10) if info is None else range(info.id, 10, info.num_workers))


def plain(loader):
    return [[part.tolist() for part in batch] for batch in loader]


@pytest.fixture(autouse=True)
def _nobody_is_left():
    yield
    deadline = time.monotonic() + 10
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("shuffle", [False, True])
def test_the_same_batches_as_without(workers, shuffle):
    here, there = (
        DataLoader(
            Squares(), 3, shuffle, num_workers=n, generator=Generator(1), **(FORK if n else {})
        )
        for n in (0, workers)
    )
    for _ in range(2):
        one, other = plain(here), plain(there)
        assert [batch[:2] for batch in one] == [batch[:2] for batch in other]
        assert [batch[2][0] for batch in other] == [i % workers for i in range(4)]


def test_tensors_gathered_whole_and_single_samples():
    data = TensorDataset(np.arange(6), np.arange(6.0) / 2)
    assert plain(DataLoader(data, 4, num_workers=2, **FORK)) == plain(DataLoader(data, 4))
    assert plain(DataLoader(data, None, num_workers=2, **FORK)) == plain(DataLoader(data, None))


@pytest.mark.parametrize("workers", [1, 2, 3, 11])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # PyTorch counts the cores
@pytest.mark.parametrize("drop_last", [False, True])
def test_streams_as_in_torch(workers, drop_last, torch):
    class Theirs(torch.utils.data.IterableDataset):
        def __iter__(self):
            info = torch.utils.data.get_worker_info()
            return iter(range(info.id, 10, info.num_workers))

    options = {"num_workers": workers, "drop_last": drop_last, **FORK}
    found = [b.tolist() for b in DataLoader(Shared(), 3, **options)]
    assert found == [b.tolist() for b in torch.utils.data.DataLoader(Theirs(), 3, **options)]


def test_persistent_workers_stay():
    class Who(Dataset):
        def __getitem__(self, i):
            return os.getpid()

        def __len__(self):
            return 4

    loader = DataLoader(Who(), num_workers=2, persistent_workers=True, **FORK)
    first, second = ({batch.item() for batch in loader} for _ in range(2))
    assert first == second
    assert len(first) == 2
    half = iter(loader)
    next(half)
    assert len(list(loader)) == 4  # what an earlier loop has left over is not taken
    with pytest.raises(DataError, match="another loop over this DataLoader has its workers"):
        next(half)
    stream = DataLoader(Shared(), 3, num_workers=2, persistent_workers=True, **FORK)
    assert len(list(stream)) == len(list(stream)) == 4


def test_chance_differs_from_worker_to_worker_and_pass_to_pass_and_comes_again():
    class Chance(Dataset):
        def __getitem__(self, i):
            return rand(()).item(), random.random(), np.random.random()

        def __len__(self):
            return 4

    def passes():
        loader = DataLoader(Chance(), num_workers=2, generator=Generator(3), **FORK)
        return [[part.item() for part in batch] for _ in range(2) for batch in loader]

    first = passes()
    assert first == passes()
    for column in zip(*first, strict=True):
        assert len(set(column)) == 8


def test_workers_are_prepared():
    class Seen(Dataset):
        base = 0

        def __getitem__(self, i):
            return self.base

        def __len__(self):
            return 2

    def prepare(number):
        info = get_worker_info()
        assert (info.id, info.num_workers) == (number, 2)
        info.dataset.base = 10 + number

    loader = DataLoader(Seen(), num_workers=2, worker_init_fn=prepare, **FORK)
    assert [batch.item() for batch in loader] == [10, 11]
    assert Seen.base == 0
    assert get_worker_info() is None


def failing(kind, *arguments):
    class Failing(Squares):
        def __getitem__(self, i):
            if i == 4:
                raise kind(*arguments)  # the line
            return super().__getitem__(i)

    return DataLoader(Failing(), 2, num_workers=2, prefetch_factor=1, **FORK)


def test_an_error_comes_with_the_workers_line():
    loader = iter(failing(KeyError, "cat"))
    assert [next(loader)[0].tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(KeyError, match=r"worker 0 of the DataLoader: KeyError: 'cat' \(") as caught:
        next(loader)
    assert "line" in str(caught.value)
    assert "raise kind(*arguments)  # the line" in str(caught.value)


def test_an_error_that_cannot_be_made_again():
    class Strange(Exception):
        def __init__(self, one, two):
            super().__init__(f"{one} and {two}")

    with pytest.raises(DataError, match=r"worker 0 of the DataLoader: .*Strange: 1 and 2"):
        list(failing(Strange, 1, 2))


def test_an_error_in_preparing_or_beginning():
    class Broken(IterableDataset):
        def __iter__(self):
            raise OSError("no such stream")

    with pytest.raises(OSError, match="worker 0 of the DataLoader: OSError: no such stream"):
        list(DataLoader(Broken(), num_workers=1, **FORK))

    def prepare(number):
        raise ValueError(f"not {number}")

    with pytest.raises(ValueError, match="worker 0 of the DataLoader: ValueError: not 0"):
        list(DataLoader(Squares(), num_workers=2, worker_init_fn=prepare, **FORK))


def test_a_batch_that_cannot_travel():
    loader = DataLoader(Squares(), num_workers=1, collate_fn=lambda s: lambda: s, **FORK)
    with pytest.raises(DataError, match="the batch cannot be sent to another process"):
        list(loader)


def test_a_worker_that_dies():
    class Deadly(Squares):
        def __getitem__(self, i):
            os._exit(3)

    with pytest.raises(DataError, match=r"ended without a word \(exit code 3\)"):
        list(DataLoader(Deadly(), num_workers=2, **FORK))


def test_a_worker_that_takes_too_long():
    class Slow(Squares):
        def __getitem__(self, i):
            time.sleep(60)

    with pytest.raises(DataError, match=r"worker 0 of the DataLoader gave no batch within 0.1 s"):
        list(DataLoader(Slow(), num_workers=1, timeout=0.1, **FORK))


def test_a_loop_that_is_left_ends_its_workers():
    for _ in DataLoader(Squares(), num_workers=2, **FORK):
        assert multiprocessing.active_children()
        break


PROGRAM = """
import os, signal, sys, time
from chainrule.data import DataLoader, Dataset

class Slow(Dataset):
    def __getitem__(self, i):
        os.write(1, b"%d\\n" % os.getpid())
        time.sleep(float(sys.argv[1]))
    def __len__(self):
        return 2

# Ctrl-C is heard also where the tests run in the background of a shell.
signal.signal(signal.SIGINT, signal.default_int_handler)
loader = DataLoader(Slow(), num_workers=2, multiprocessing_context="fork", collate_fn=list)
for _ in loader:
    time.sleep(60)
"""


def is_there(process):
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


# Who is interrupted ends its workers in whatever they do; where it is killed, they find that it has
# gone when they have nothing to do.
@pytest.mark.parametrize(("how", "asleep"), [(signal.SIGINT, "60"), (signal.SIGKILL, "0.1")])
def test_the_end_of_a_program_is_that_of_its_workers(how, asleep):
    command = [sys.executable, "-c", PROGRAM, asleep]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
        workers = [int(program.stdout.readline()) for _ in range(2)]
        program.send_signal(how)
        assert program.wait(20) in (-how, 1, 130)
    deadline = time.monotonic() + 20
    while any(map(is_there, workers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_there, workers))
