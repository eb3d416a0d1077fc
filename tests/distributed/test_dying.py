"""Ranks that end in the middle of the work, and ranks that do not belong together.

In each case all processes end by themselves, with one sentence and not in order; `Run.wait` fails
where one hangs.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from chainrule.backend import ranks
from chainrule.backend.ranks import agreement, watch
from chainrule.backend.ranks.lost import EverywhereError
from distributed.launching import Ended, launch, needs_mpi

pytestmark = [needs_mpi, pytest.mark.filterwarnings("error")]

ADVICE = "Resume it from here."
TOGETHER = f"""
import os, signal, sys, time
import numpy as np
from chainrule.backend import ranks
w = ranks.join()
ranks.say_at_end("{ADVICE}")
x = np.ones(1000)
for i in range(10**9):
    w.sum_(x)
    x /= w.size
    if i == 50 and w.rank == int(os.environ["WHO"]):
        # HERE
"""
NO_CLEANUP = "-disable-auto-cleanup"


def sentence_of(ended: Ended) -> str:
    """The one sentence on a rank that was lost."""
    found = re.findall(r"^rank \d.*; the run ends\..*$", ended.complained, re.MULTILINE)
    assert len(found) == 1, ended.complained
    assert ended.code != 0
    return found[0]


def left_behind(folder: Path) -> list[str]:
    """The processes that still run the program of a folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


@pytest.mark.parametrize(
    ("size", "who", "flags"),
    [(2, 0, ()), (3, 1, ()), (3, 0, (NO_CLEANUP,)), (2, 1, (NO_CLEANUP,))],
)
def test_a_rank_that_is_killed_ends_all(tmp_path, size, who, flags):
    program = TOGETHER.replace("# HERE", "os.kill(os.getpid(), signal.SIGKILL)")
    ended = launch(program, size, *flags, folder=tmp_path, WHO=str(who))
    assert sentence_of(ended) == f"rank {who} was lost (killed?); the run ends. {ADVICE}"
    assert "Traceback" not in ended.complained
    assert left_behind(tmp_path) == []


def test_a_rank_that_raises_ends_all_and_says_what(tmp_path):
    program = TOGETHER.replace("# HERE", "raise MemoryError('no room\\nfor it')")
    ended = launch(program, 3, NO_CLEANUP, folder=tmp_path, WHO="1")
    expected = f"rank 1 ended with MemoryError: no room for it; the run ends. {ADVICE}"
    assert sentence_of(ended) == expected
    assert ended.complained.count("Traceback") == 1  # where it was, of the one that knows


def test_a_rank_that_exits_is_not_waited_for_for_ever(tmp_path):
    program = TOGETHER.replace("# HERE", "sys.exit(3)")
    ended = launch(program, 2, folder=tmp_path, WHO="0")
    expected = f"rank 0 has ended while others wait for it; the run ends. {ADVICE}"
    assert sentence_of(ended) == expected


def test_a_rank_that_does_not_come_to_wait_is_ended(tmp_path):
    program = TOGETHER.replace("# HERE", "time.sleep(1); os.kill(os.getpid(), signal.SIGKILL)")
    program += "    if i == 50 and w.rank == 1:\n        time.sleep(600)\n"
    ended = launch(program, 2, NO_CLEANUP, folder=tmp_path, WHO="0")
    assert sentence_of(ended).startswith("rank 0 was lost")
    assert "Traceback" not in ended.complained


def test_ranks_that_end_in_order_are_not_complained_of(tmp_path):
    program = TOGETHER.replace("10**9", "60").replace("# HERE", "pass")
    # Who is done waits at its end for the others, and nobody is lost.
    program += "if w.rank == 1:\n    time.sleep(4)\nprint('done', flush=True)\n"
    ended = launch(program, 3, folder=tmp_path, WHO="1")
    assert (ended.code, ended.said, ended.complained) == (0, "done\n" * 3, "")


def test_a_rank_that_is_killed_when_it_is_done_is_missed_by_those_that_are_not(tmp_path):
    program = """
    import os, signal, time
    from chainrule.backend import ranks
    w = ranks.join()
    other = w.tell(os.getpid())[1]
    if w.rank == 0:
        time.sleep(1.0)
        os.kill(other, signal.SIGKILL)
        time.sleep(600)
    """
    ended = launch(program, 2, NO_CLEANUP, folder=tmp_path)
    assert sentence_of(ended) == "rank 1 was lost (killed?); the run ends."


def test_a_witness_listens_to_nobody_without_the_token(tmp_path):
    program = """
    import socket, sys, time
    from chainrule.backend import ranks
    from chainrule.backend.ranks import watch
    w = ranks.join()
    if w.rank == 0:
        at = watch._watch._connection.getpeername()
        for said in (b'{"token": "x", "rank": 1}', b'no JSON', b'[1]', b'{"ended": "x"}'):
            with socket.create_connection(at) as stranger:
                stranger.sendall(said + b'\\n{"ended": "a lie"}\\n')
                stranger.settimeout(20)
                try:
                    assert stranger.recv(1) == b""
                except ConnectionResetError:
                    pass
    w.barrier()
    ranks.leave()
    """
    ended = launch(program, 2, folder=tmp_path)
    assert (ended.code, ended.complained) == (0, "")


# --- what has to be the same ----------------------------------------------------------------------

BEGINNING = """
import numpy as np
from chainrule import distributed as dist, nn
from chainrule.backend import ranks
from chainrule.backend.ranks.agreement import agree
from chainrule.distributed import handshake

import os
rank = int(os.environ["PMI_RANK"])
"""
REFUSED = {
    "other code": (
        "handshake.source_hash = lambda: 'ab' if rank == 2 else 'cd'\ndist.init()",
        "the ranks differ in code: chainrule's source is cd on rank 0 and ab on rank 2; install "
        "the same versions everywhere",
    ),
    "other seed": (
        "dist.init()\nagree('the job', {'epochs': 3, 'seed': rank // 2})",
        "the ranks differ in the job: seed is 0 on rank 0 and 1 on rank 2; start the same program "
        "with the same options on every rank",
    ),
    "other shapes": (
        "dist.init()\nnn.parallel.DistributedDataParallel(nn.Linear(2, 3 + rank))",
        "the ranks differ in the model's parameters: weight is ['float32', 3, 2] on rank 0 and "
        "['float32', 4, 2] on rank 1; start the same program with the same options on every rank",
    ),
    "same data": (
        "import chainrule as cr\ndist.init()\n"
        "model = nn.parallel.DistributedDataParallel(nn.Linear(4, 1))\n"
        "model(cr.full((2, 4), float(rank % 2)))",
        "ranks 0 and 2 were given the same batch; give the DataLoader a DistributedSampler, so "
        "that each rank has rows of its own",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_ranks_that_do_not_belong_together_are_refused(tmp_path, what):
    program, sentence = REFUSED[what]
    ended = launch(BEGINNING + program, 3, folder=tmp_path)
    assert ended.code != 0
    assert ended.complained.count(sentence) == 1, ended.complained
    assert ended.complained.count("Traceback") == 1


def test_what_ranks_say_is_held_against_rank_0(monkeypatch):
    class Three(ranks.Alone):
        size = 3

        def tell(self, value):
            return [value, value, {**value, "b": 5} if isinstance(value, dict) else "other"]

    monkeypatch.setattr(ranks, "_world", Three())
    with pytest.raises(EverywhereError, match="b is 2 on rank 0 and 5 on rank 2; pray"):
        agreement.agree("it", {"a": 1, "b": 2}, "pray")
    agreement.agree("it", {"b": 5})
    with pytest.raises(EverywhereError, match="ranks 0 and 1 were given the same batch"):
        agreement.different_data([np.zeros(3)])


def test_a_process_alone_has_nobody_to_tell():
    ranks.say_at_end("nothing")
    watch.end()
    assert not watch.give_up(MemoryError("none"))


# --- killed and resumed ---------------------------------------------------------------------------


@pytest.mark.parametrize(("kills", "sharded"), [(2, False), (1, True)])
def test_a_run_that_is_killed_now_and_then_ends_as_one_that_is_not(kills, sharded, tmp_path):
    from kills_ranks import Trial

    trial = Trial(tmp_path, ranks=2, epochs=12, seed=1, sharded=sharded)
    trial.run(kills)
    assert trial.wrong == []
    assert len(trial.killed) == kills
