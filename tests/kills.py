"""Training that is killed at random instants and resumed, held against training that is not.

    python tests/kills.py --kills 50

Each run of `chainrule train` is a process of its own. One is left alone. Another is killed with
SIGKILL after a random time, resumed, killed again, until it comes to its end; then model and
figures of both are compared, byte for byte. When a run has ended, the next begins, with another
seed, until there have been so many kills. What is printed is how often, when, and what was lost.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

NETWORKS = {
    "mlp": "digits --model mlp --hidden 64,32 --dropout 0.2 --batch-size 32 --epochs 600",
    "cnn": "digits --model cnn --hidden 32 --dropout 0.1 --epochs 20 --patience 12",
}
TIMES = ("seconds", "examples_per_second")


@dataclass
class Kills:
    """What became of a run that was killed.

    Attributes:
        begun: of each process that was killed, how many seconds it lived.
        training: how many of them had begun to train.
        at: the step of the newest checkpoint at each kill; 0 where there was none.
        lost: the seconds between that, or the start of the process, and the kill.
        differing: what is not as in the run that was left alone.
    """

    begun: list[float] = field(default_factory=list)
    training: list[int] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)


def command(*arguments):
    """Start `chainrule train` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "chainrule.cli", "train", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def ended(process, seconds=600.0):
    """Wait for an end in order, and return what the process has said."""
    said, _ = process.communicate(timeout=seconds)
    if process.returncode:
        raise AssertionError(f"exit code {process.returncode}: {said}")
    return said


def newest(folder):
    """The step and the time of the newest checkpoint; 0 and nothing if there is none."""
    files = sorted((folder / "checkpoints").glob("step-*.safetensors"))
    return (int(files[-1].stem[5:]), files[-1].stat().st_mtime) if files else (0, None)


def wait(process, folder, rng, longest):
    """Wait for a random time from the start, or else from the first step; return when that was."""
    begun, trains = time.time(), None
    from_start = rng.random() < 0.3
    seconds = rng.uniform(0.05, longest)
    figures = folder / "metrics.jsonl"
    while process.poll() is None:
        now = time.time()
        if trains is None and figures.exists() and figures.stat().st_mtime > begun:
            trains = now
        if now >= (begun if from_start else trains or now) + seconds:
            break
        time.sleep(0.002)
    return trains


def has_finished(folder):
    """Whether a run had come to its end when it was killed; what is left is tidied up then."""
    journal = folder / "job.json"
    if journal.exists() and json.loads(journal.read_text())["state"] != "finished":
        return False
    process = command("--resume", str(folder))
    said, _ = process.communicate()
    return "has finished: there is nothing to resume" in said


def killed(line, folder, rng, longest, most):
    """Train until the end, killed up to so many times on the way."""
    kills = Kills()
    while True:
        before, _ = newest(folder)
        if (folder / "model.json").exists() and has_finished(folder):
            return kills
        resumes = (folder / "job.json").exists()
        arguments = ["--resume", str(folder)] if resumes else [*line, "--out", str(folder)]
        process = command(*arguments)
        if len(kills.at) == most:
            said = ended(process)
        else:
            begun = time.time()
            trains = wait(process, folder, rng, longest)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                now = time.time()
                process.communicate()
                step, written = newest(folder)
                kills.begun.append(now - begun)
                kills.training.append(trains is not None)
                kills.at.append(step)
                if trains is not None:
                    kills.lost.append(now - max(trains, written or 0.0))
                if step < before and not has_finished(folder):
                    kills.differing.append(f"the checkpoint of step {before} is gone")
                continue
            said = ended(process)
        if before and f"resumed from step-{before:09d}.safetensors" not in said:
            kills.differing.append(f"not resumed from step {before}: {said}")
        return kills


def figures(folder):
    """The figures of every epoch, without those of the clock."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(one) for one in lines]
    return [{k: v for k, v in row.items() if k not in TIMES} for row in rows]


def compared(folder, whole):
    """What of a run is not as in another."""
    found = [
        name
        for name in ("model.safetensors", "model.json")
        if (folder / name).read_bytes() != (whole / name).read_bytes()
    ]
    found += ["metrics.jsonl"] * (figures(folder) != figures(whole))
    left = {path.name for path in folder.iterdir()} ^ {path.name for path in whole.iterdir()}
    return found + sorted(left)


def one_run(place, name, seed, rng, most, checkpoint=0.1, more=()):
    """Train once undisturbed and once killed; return the kills, and how long it took alone."""
    line = [*NETWORKS[name].split(), "--seed", str(seed), "--checkpoint", str(checkpoint), *more]
    begun = time.perf_counter()
    said = ended(command(*line, "--out", str(place / "whole")))
    alone = time.perf_counter() - begun
    kills = killed(line, place / "killed", rng, alone / 4, most)
    kills.differing += compared(place / "killed", place / "whole")
    return kills, alone, said


def main():
    """Kill, resume, compare, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--network", choices=[*NETWORKS, "both"], default="both")
    options = parser.parse_args()
    names = [*NETWORKS] if options.network == "both" else [options.network]
    failed = False
    for name in names:
        total, runs, rng = Kills(), 0, random.Random(options.seed)
        compiled = "eager"
        while len(total.at) < options.kills:
            with tempfile.TemporaryDirectory() as place:
                left = options.kills - len(total.at)
                kills, alone, said = one_run(Path(place), name, 1 + runs, rng, left)
            compiled = "compiled" if "is compiled from here on" in said else compiled
            runs += 1
            total = Kills(*(a + b for a, b in zip(vars(total).values(), vars(kills).values())))
            print(
                f"{name}, {compiled}, seed {runs}: {alone:.1f} s alone, killed {len(kills.at)} "
                f"times at steps {kills.at}: {', '.join(kills.differing) or 'identical'}",
                flush=True,
            )
        failed = failed or bool(total.differing)
        lost = total.lost or [0.0]
        print(
            f"{name}, {compiled}: {len(total.at)} kills of {runs} runs, "
            f"{min(total.begun):.2f} to {max(total.begun):.1f} s after their start, "
            f"{sum(total.training)} of them while training; lost each time "
            f"{sum(lost) / len(lost):.2f} s on average, {max(lost):.2f} s at most; "
            + ("NOT identical" if total.differing else "weights, model and figures identical")
        )
    sys.exit(failed)


if __name__ == "__main__":
    main()
