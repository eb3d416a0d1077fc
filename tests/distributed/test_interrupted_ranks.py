"""A person's Ctrl-C, and what cannot be, on several ranks: told once, as by one process."""

from __future__ import annotations

import json
import os
import signal

import pytest

from distributed.launching import MPIEXEC, Run, launch, needs_mpi

pytestmark = needs_mpi

# Ctrl-C may come between the opening of a file and the `with` that would close it.
QUIET = ["-W", "ignore::ResourceWarning"]
TRAIN = ["-m", "chainrule.cli", "train", "digits", "--hidden", "16", "--model", "mlp"]
JOB = [*QUIET, *TRAIN, "--no-doctor"]


def interrupted(run, group, sign):
    """Let a run come to its first epoch's end, or what the sign is, and press Ctrl-C."""
    said = ""
    while sign not in (line := run.process.stdout.readline()):
        assert line, run.wait()
        said += line
    if group:
        os.killpg(run.process.pid, signal.SIGINT)
    else:
        run.process.send_signal(signal.SIGINT)
    ended = run.wait(60)
    ended.said = said + line + ended.said
    return ended


@pytest.mark.parametrize(("ranks", "group"), [(2, False), (3, True)])
def test_a_training_is_interrupted_and_gone_on_with(ranks, group, tmp_path):
    more = ["--epochs", "4000", "--checkpoint", "0", "--batch-size", "8", "--out", "run"]
    ended = interrupted(Run([*JOB, *more], ranks, folder=tmp_path), group, "epoch ")
    assert (ended.code, ended.complained) == (130, "")
    assert ended.said.count("stopped in epoch") == 1
    assert ended.said.count("to go on: chainrule train --resume run") == 1
    assert json.loads((tmp_path / "run" / "job.json").read_text())["state"] == "interrupted"
    assert list((tmp_path / "run" / "checkpoints").glob("step-*"))
    assert (tmp_path / "run" / "report.html").exists()


def test_a_program_is_interrupted(tmp_path):
    program = """
    import numpy as np
    from chainrule.backend import ranks
    world = ranks.join()
    x = np.ones(10)
    world.barrier()
    print("begun", flush=True)
    while True:
        world.sum_(x)
        x /= world.size
    """
    file = tmp_path / "program.py"
    file.write_text("\n".join(line[4:] for line in program.splitlines()))
    ended = interrupted(Run([str(file)], 3, folder=tmp_path), True, "begun")
    assert ended.code != 0
    assert ended.complained.count("Traceback") == 1
    assert ended.complained.count("KeyboardInterrupt") == 1
    assert "the run ends" not in ended.complained


BROKEN_OFF = """
import signal, sys, time
import numpy as np
from chainrule.backend import ranks

def exchanged(x):
    if HOW == "dropped":
        world.start_sum(x, helped=False)
    elif HOW == "sum":
        world.sum_(x)
    elif HOW == "broadcast":
        world.broadcast_(x, 1)
    else:
        world._gathered(x.view(np.uint8), [x.nbytes] * world.size)

def broken_off(*_):
    raise KeyboardInterrupt

world = ranks.join()
world.barrier()
if world.rank == 0:
    signal.signal(signal.SIGALRM, broken_off)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        exchanged(np.ones(20_000))
    except KeyboardInterrupt:
        pass
    signal.setitimer(signal.ITIMER_REAL, 0)
    others = [np.zeros(n * 20_000) for n in (1, 2, 3) for _ in range(50)]
else:
    time.sleep(0.6)
    x = np.full(20_000, 2.0)
    world.sum_(x) if HOW == "dropped" else exchanged(x)
world.barrier()
if world.rank == 0:
    print(sum(x.any() for x in others))
"""


@pytest.mark.parametrize("how", ["dropped", "sum", "broadcast", "gathered"])
def test_what_is_broken_off_writes_to_nobody_elses_memory(how, tmp_path):
    ended = launch(BROKEN_OFF.replace("HOW", repr(how)), 3, folder=tmp_path)
    assert (ended.code, ended.said, ended.complained) == (0, "0\n", "")


def test_ranks_end_with_exchanges_under_way(tmp_path):
    program = """
    import time
    import numpy as np
    from chainrule.backend import ranks
    world = ranks.join()
    if world.rank:
        time.sleep(0.1)
    for _ in range(30):
        world.start_sum(np.ones(20_000), helped=world.rank < 2)
    """
    ended = launch(program, 3, folder=tmp_path)
    assert (ended.code, ended.said, ended.complained) == (0, "", "")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--nonsense",), "error: No such option '--nonsense'"),
        (("--out", "file/run"), "error: --out file/run cannot be made: Not a directory"),
        (
            ("--out", "run", "--schedule", "onecycle", "--warmup", "5"),
            "error: onecycle has a way up of its own",
        ),
        (("--out", "run", "--lr", "1e30", "--optimizer", "sgd"), " ended: the loss became "),
    ],
)
def test_what_cannot_be_is_told_once(more, sentence, tmp_path):
    (tmp_path / "file").touch()
    ended = Run([*JOB, "--epochs", "2", *more], 3, folder=tmp_path).wait(60)
    assert ended.code == 2
    told = [line for line in ended.complained.splitlines() if "Warning" not in line]
    assert sum(sentence in line for line in told) == 1, ended.complained
    assert "Traceback" not in ended.complained
    assert sum(line.startswith(("error:", "rank ")) for line in told) == 1
    assert not (tmp_path / "run").exists()


# --- tune in Python -------------------------------------------------------------------------------

TUNE = """
    import json, sys
    from chainrule import distributed
    from chainrule.data import moons
    from chainrule.train import tune
    from chainrule.train.job.outcome import Settings

    distributed.init() if JOINED else None
    told = []
    space = {"lr": "1e-3..1e-1", "hidden": [4, 8]}
    study = tune(
        moons(100), "study", Settings(epochs=3, validation=0.2), space=space, trials=3,
        jobs=JOBS, told=told.append,
    )
    found = [
        [one.number, one.rung, one.figures["loss"]]
        for one in sorted(study.done, key=lambda one: (one.rung, one.number))
    ]
    row = [found, study.best.number, study.best_settings.hidden, len(told), study.due()]
    sys.stdout.write(json.dumps([distributed.world_size(), row]) + "\\n")
"""


def tuned(ranks, folder, joined=False, jobs=1):
    program = TUNE.replace("JOINED", str(joined)).replace("JOBS", str(jobs))
    folder.mkdir()
    return launch(program, ranks, folder=folder)


@pytest.mark.parametrize("joined", [False, True])
def test_a_program_tunes_on_ranks_as_alone(joined, tmp_path):
    assert MPIEXEC.exists()
    ended = [tuned(ranks, tmp_path / str(ranks), joined) for ranks in (1, 3)]
    assert [(one.code, one.complained) for one in ended] == [(0, "")] * 2
    ((_, alone),) = map(json.loads, ended[0].said.splitlines())
    rows = [json.loads(line) for line in ended[1].said.splitlines()]
    assert [size for size, _ in rows] == [3 if joined else 1] * 3
    assert sorted(row[3] for _, row in rows) == [0, 0, 4]  # the first is told
    for _, row in rows:
        assert row[:3] == alone[:3]
        assert row[4] == []


def test_what_tune_refuses_is_told_once(tmp_path):
    ended = tuned(2, tmp_path / "two", jobs=2)
    assert ended.code == 1
    assert ended.complained.count("Traceback") == 1
    assert ended.complained.count("leave out jobs") == 1
    (tmp_path / "two" / "study").mkdir()
    (tmp_path / "two" / "study" / "letter.txt").touch()
    file = tmp_path / "two" / "program.py"
    file.write_text(file.read_text().replace("jobs=2", "jobs=1"))
    ended = Run([str(file)], 2, folder=tmp_path / "two").wait(60)
    assert ended.code == 1
    assert ended.complained.count("has something else in it") == 1


# --- machines by name -----------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [False, True])
def test_machines_are_named_and_watched(lost, tmp_path):
    program = f"""
    import os, signal
    import numpy as np
    from chainrule.backend import ranks
    world = ranks.join()
    assert (world.size, world.neighbours) == (3, 1 + (world.rank < 2))
    x = np.ones(10)
    for i in range(100 + {lost} * 10**9):
        world.sum_(x)
        x /= 3
        if {lost} and i == 50 and world.rank == 2:
            os.kill(os.getpid(), signal.SIGKILL)
    ranks.leave()
    """
    # Where it cleans up itself, the launcher may break off what carries the ranks' words.
    flags = ("-disable-auto-cleanup", "-launcher", "fork", "-hosts", "one:2,other:1")
    ended = launch(program, 3, *flags, folder=tmp_path)
    assert (ended.code == 0) is not lost
    # The launcher may have something to say beside it, of its own helpers.
    own = [line for line in ended.complained.splitlines() if not line.startswith("[")]
    assert own == ["rank 2 was lost (killed?); the run ends."] * lost
