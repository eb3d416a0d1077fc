"""Training on several ranks, one of which is killed at random instants, and resumed until it ends.

    python tests/kills_ranks.py --kills 20 --ranks 3

One run is left alone. Another is killed: a random rank gets SIGKILL after a random time, whatever
it does then; all of it has to end within seconds, with one sentence, and is started again in the
same folder, until it comes to its end. Then the weights of both are compared, byte for byte. What
is printed is a row for each kill.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from distributed.launching import Run

SOON = 20.0  # seconds after a kill in which all must be over
_SENTENCE = re.compile(r"^rank (\d+) was lost \(killed\?\); the run ends\..*$", re.MULTILINE)


def train(folder: Path, epochs: int, sharded: bool) -> None:
    """What each rank does: fit with checkpoints, from the newest one there is."""
    import chainrule as cr
    from chainrule import distributed, nn, optim
    from chainrule.distributed.optim import ZeroRedundancyOptimizer
    from chainrule.io import save_model
    from chainrule.train import fit
    from chainrule.train.callbacks.checkpoint import Checkpoint

    (folder / "ranks").mkdir(parents=True, exist_ok=True)
    distributed.init()
    rank = distributed.rank()
    written = folder / "ranks" / f"{rank}.part"
    written.write_text(str(os.getpid()))
    written.replace(folder / "ranks" / str(rank))
    cr.manual_seed(1)
    x = cr.randn(256, 16)
    y = (x * x).sum(1, keepdim=True)
    model = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Dropout(0.1), nn.Linear(32, 1))
    parameters = model.parameters()
    fit(
        nn.parallel.DistributedDataParallel(model),
        (x, y),
        nn.MSELoss(),
        ZeroRedundancyOptimizer(parameters, optim.Adam) if sharded else optim.Adam(parameters),
        batch_size=32,
        epochs=epochs,
        callbacks=[Checkpoint(folder / "checkpoints", steps=25)],
        resume=folder / "checkpoints",
        progress=False,
    )
    if rank == 0:
        save_model(folder, model, {})
    distributed.destroy_process_group()


class Trial:
    """A run that is left alone and one that is killed.

    Args:
        folder: for both.
        ranks: how many.
        epochs: how long.
        seed: of the instants and the ranks.
        sharded: let each rank remember a part of the optimiser's state in the run that is killed.

    Attributes:
        killed: of each kill the rank, seconds from the start, the newest step then, and how many
            seconds later all was over.
        wrong: what was not as it has to be.
    """

    def __init__(
        self, folder: Path, ranks: int, epochs: int, seed: int, sharded: bool = False
    ) -> None:
        self._folder, self._ranks, self._epochs = folder, ranks, epochs
        self._sharded = sharded
        self._chance = random.Random(seed)
        self.killed: list[tuple[int, float, int, float]] = []
        self.wrong: list[str] = []

    def run(self, kills: int) -> None:
        """Do both and compare; a run that ends before its next kill is begun anew."""
        whole, other = self._folder / "whole", self._folder / "killed"
        self._finish(whole)
        begun = max(file.stat().st_mtime for file in (whole / "ranks").iterdir())
        alone = time.time() - begun  # without what comes before the ranks are there
        while True:
            while len(self.killed) < kills and self._kill(other, alone):
                pass
            if not (other / "model.safetensors").exists():
                self._finish(other)
            a, b = ((place / "model.safetensors").read_bytes() for place in (whole, other))
            if a != b:
                self.wrong.append(f"other weights after {len(self.killed)} kills")
            if len(self.killed) == kills:
                return
            shutil.rmtree(other)

    def _start(self, place: Path) -> Run:
        shutil.rmtree(place / "ranks", ignore_errors=True)
        sharded = ["--sharded"] * (self._sharded and place.name == "killed")
        return Run([__file__, *sharded, "--train", str(place), str(self._epochs)], self._ranks)

    def _finish(self, place: Path) -> None:
        ended = self._start(place).wait(300.0)
        if ended.code or ended.complained:
            self.wrong.append(f"code {ended.code}: {ended.said}{ended.complained}")

    def _kill(self, place: Path, alone: float) -> bool:
        """Kill a rank of one process after a while; whether it was still there."""
        before = newest(place)
        run, rank = self._start(place), self._chance.randrange(self._ranks)
        all_there = [place / "ranks" / str(r) for r in range(self._ranks)]
        while not all(file.exists() for file in all_there) and run.process.poll() is None:
            time.sleep(0.002)
        after = self._chance.uniform(0.0, 0.5 * alone)
        time.sleep(after)
        if run.process.poll() is not None or (place / "model.safetensors").exists():
            ended = run.wait()
            if ended.code:
                self.wrong.append(f"code {ended.code}: {ended.complained}")
            return False
        os.kill(int(all_there[rank].read_text()), signal.SIGKILL)
        begun, step = time.monotonic(), newest(place)
        ended = run.wait(SOON)
        took = time.monotonic() - begun
        self.killed.append((rank, begun - run.begun, step, took))
        sentences = _SENTENCE.findall(ended.complained)
        if sentences != [str(rank)] or ended.code == 0:
            self.wrong.append(f"rank {rank}, code {ended.code}: {ended.complained}")
        if step < before:
            self.wrong.append(f"the checkpoint of step {before} is gone")
        return True


def newest(place: Path) -> int:
    """The step of the newest checkpoint, 0 if there is none."""
    names = sorted(file.stem[5:] for file in (place / "checkpoints").glob("step-*.safetensors"))
    return int(names[-1]) if names else 0


def main() -> None:
    """Kill, resume, compare, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--ranks", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sharded", action="store_true", help="share the optimiser's state out")
    parser.add_argument("--train", nargs=2, metavar=("FOLDER", "EPOCHS"), help="be a rank")
    given = parser.parse_args()
    if given.train:
        train(Path(given.train[0]), int(given.train[1]), given.sharded)
        return
    with tempfile.TemporaryDirectory() as place:
        trial = Trial(Path(place), given.ranks, given.epochs, given.seed, given.sharded)
        trial.run(given.kills)
    print("kill  rank  seconds from start  newest step  seconds until all was over")
    for k, (rank, at, step, took) in enumerate(trial.killed):
        print(f"{k + 1:4}  {rank:4}  {at:18.2f}  {step:11}  {took:27.2f}")
    print("\n".join(trial.wrong) or "the weights are those of the run that was left alone")
    sys.exit(bool(trial.wrong))


if __name__ == "__main__":
    main()
