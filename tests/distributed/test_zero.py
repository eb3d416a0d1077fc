"""Optimiser state that is shared out: the plain optimiser's weights, bit for bit, and its state."""

import json
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.distributed.optim import ZeroRedundancyOptimizer
from chainrule.errors import OptionError
from chainrule.optim.zero import shared_out
from distributed.launching import Run, needs_mpi

PROGRAM = Path(__file__).with_name("zero_program.py")


def told(ranks, folder):
    ended = Run([str(PROGRAM), str(folder)], ranks).wait()
    assert ended.code == 0, ended.complained
    found = [json.loads(line) for line in ended.said.splitlines()]
    return sorted(found, key=lambda one: one["rank"])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What two ranks tell, and then one and three that go on from the checkpoint of the two."""
    folder = tmp_path_factory.mktemp("zero")
    return {ranks: told(ranks, folder) for ranks in (2, 1, 3)}


@needs_mpi
@pytest.mark.parametrize("ranks", [2, 1, 3])
def test_the_weights_are_those_of_the_plain_optimiser(ranks, runs):
    assert len(runs[ranks]) == ranks
    for one in runs[ranks]:
        assert one["halfway"], "after the first steps, or after loading what two ranks saved"
        assert one["equal"], "at the end"
        assert one["rates"] == runs[1][0]["rates"]


@needs_mpi
@pytest.mark.parametrize("ranks", [2, 1, 3])
def test_each_rank_remembers_its_part_alone(ranks, runs):
    parts, whole = [one["bytes"] for one in runs[ranks]], runs[ranks][0]["whole"]
    assert sum(parts) == whole
    print(f"{ranks} ranks: {parts} bytes of {whole}")
    largest = 3 * 4 * 41 * 40  # of its one parameter that is hardest to place
    assert max(parts) <= whole / ranks + largest
    assert max(parts) < 0.7 * whole or ranks == 1


@needs_mpi
@pytest.mark.parametrize("ranks", [2, 1, 3])
def test_the_whole_state_comes_to_the_rank_that_is_named(ranks, runs):
    assert [one["state"] for one in runs[ranks]] == [None] * (ranks - 1) + [True]
    for one in runs[ranks]:
        assert ("consolidate_state_dict" in one["refused"]) == (ranks > 1)


@needs_mpi
@pytest.mark.parametrize("ranks", [2, 1, 3])
@pytest.mark.parametrize("executor", ["numpy", "native"])
def test_in_a_compiled_step_the_exchange_is_part_of_the_program(executor, ranks, runs):
    for one in runs[ranks]:
        equal, sent, filled, refused = one["compiled"][executor]
        assert equal
        # One bucket for each rank and format; of two formats, for the last layer is float64.
        assert ranks <= sent <= 2 * ranks if ranks > 1 else sent == 0
        assert filled <= sent
        assert ("consolidate_state_dict" in refused) == (ranks > 1)
    if ranks > 1:
        counts = [one["compiled"][executor][1:3] for one in runs[ranks]]
        assert sum(filled for _, filled in counts) == counts[0][0]


@needs_mpi
def test_other_parameters_are_refused_everywhere(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import chainrule as cr\n"
        "from chainrule.backend.ranks import join, leave\n"
        "from chainrule.distributed.optim import ZeroRedundancyOptimizer\n"
        "ranks = join()\n"
        "p = cr.zeros(2 + ranks.rank, requires_grad=True)\n"
        "try:\n"
        "    ZeroRedundancyOptimizer([p], cr.optim.Adam)\n"
        "except cr.errors.OptionError as error:\n"
        "    __import__('sys').stdout.write(f'{error}\\n')\n"
        "leave()\n"
    )
    ended = Run([str(program)], 2).wait()
    assert ended.code == 0, ended.complained
    sentence = (
        "the parameters of rank 1 are not those of rank 0: there are 1 and 1, number 0 is "
        "['float32', 3] and ['float32', 2]; build the same model on every rank"
    )
    assert ended.said.splitlines() == [sentence] * 2


# --- one process --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["SGD", "AdamW", "RMSprop", "Adagrad", "Adafactor", "Muon"])
def test_in_one_process_it_is_the_plain_optimiser(kind):
    start = np.linspace(-1, 1, 12).reshape(3, 4)
    plain, shared = (cr.tensor(start, requires_grad=True) for _ in range(2))
    optimizers = [
        getattr(cr.optim, kind)([plain], lr=0.1),
        ZeroRedundancyOptimizer([shared], getattr(cr.optim, kind), lr=0.1),
    ]
    for _ in range(3):
        for p, optimizer in zip((plain, shared), optimizers):
            optimizer.zero_grad()
            loss = optimizer.step(lambda p=p: backward(p))
            assert loss.item() > 0
    assert np.array_equal(plain.array, shared.array)
    ours, theirs = (optimizer.state_dict() for optimizer in reversed(optimizers))
    assert ours["param_groups"] == theirs["param_groups"]
    assert ours["state"].keys() == theirs["state"].keys()


def backward(p):
    loss = (p**4).sum()
    loss.backward()
    return loss


def test_added_parameters_leave_the_owners_of_the_others():
    one, two = (cr.zeros(n, requires_grad=True) for n in (2, 3))
    optimizer = ZeroRedundancyOptimizer([one], cr.optim.Adam)
    optimizer.add_param_group({"params": [two], "lr": 0.5})
    assert optimizer.owners == [0, 0]
    assert [group["lr"] for group in optimizer.param_groups] == [0.001, 0.5]


def test_parts_are_about_equal_and_the_same_every_time():
    sizes = [int(n) for n in np.random.default_rng(0).integers(1, 1000, 200)]
    owners = shared_out(sizes, [0] * 4)
    loads = [sum(n for n, o in zip(sizes, owners) if o == rank) for rank in range(4)]
    assert max(loads) - min(loads) <= min(sizes) + 20
    assert owners == shared_out(sizes, [0] * 4)
    assert shared_out([5, 5], [10, 0]) == [1, 1]


@pytest.mark.parametrize(
    ("kind", "more", "sentence"),
    [
        (cr.optim.LBFGS, {}, "LBFGS looks at all parameters at once"),
        (print, {}, "optimizer_class must be an optimizer"),
        (cr.optim.Adam, {"overlap_with_ddp": True}, "leave out overlap_with_ddp"),
        (cr.optim.Adam, {"process_group": "world"}, "leave out process_group"),
        (cr.optim.Adam, {"lr": -1}, "lr must be"),
    ],
)
def test_what_cannot_be_is_refused(kind, more, sentence):
    with pytest.raises(OptionError, match=sentence):
        ZeroRedundancyOptimizer([cr.zeros(2, requires_grad=True)], kind, **more)
