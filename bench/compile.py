"""What compiling costs: seconds before a step is quick, anew and from the cache, and memory.

`python -m bench.compile` makes each contender in a process of its own, with the folder of every
cache empty, and once more with what the first left there. Told are the seconds for making it and
for its first round beyond those of a later round; of ours those of the three eager steps that it
takes meanwhile are taken off. Memory is the most that its process held, and of that what came after
the imports.
"""

from __future__ import annotations

import tempfile

import click

from bench.contenders import chosen
from bench.contenders.ours import WARM
from bench.measure import Result, race, spread
from bench.report import mebibytes, seconds
from bench.workloads import WORKLOADS, Workload, shortened

CACHES = ("XDG_CACHE_HOME", "TORCHINDUCTOR_CACHE_DIR")  # ours, and PyTorch's
HEAD = ("anew", "from the cache", "memory", "beyond imports")
STEPS = 8  # of a round


@click.command()
@click.argument("names", metavar="[WORKLOAD]...", nargs=-1, type=click.Choice(list(WORKLOADS)))
@click.option("--contenders", "-c", default="eager,compiled,torch,torch-compile,jax")
@click.option("--threads", default=1, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(names: tuple[str, ...], contenders: str, threads: int, rounds: int) -> None:
    """Measure what compiling costs."""
    racing = chosen(contenders)
    for name in names or ("transformer", "resnet"):
        whole = WORKLOADS[name]
        workload = shortened(whole, min(1, STEPS / whole.steps))
        click.echo(workload.title)
        click.echo(f"  {'':30}" + "".join(f"{each:>16}" for each in HEAD))
        with tempfile.TemporaryDirectory() as folder:
            caches = dict.fromkeys(CACHES, folder)
            anew, again = (
                race(workload, racing, threads, rounds=rounds, more=caches) for _ in range(2)
            )
        for first, second in zip(anew, again):
            click.echo(line(first, second, *(eager_steps(workload, one) for one in (anew, again))))


def eager_steps(workload: Workload, results: list[Result]) -> float:
    """Seconds of the steps that ours takes eagerly until it replays; 0 if nobody measured them."""
    eager = next((each for each in results if each.name == "eager" and not each.absent), None)
    return (WARM - 1) * spread(eager.seconds).median / workload.steps if eager else 0.0


def line(anew: Result, again: Result, *eager: float) -> str:
    """One contender's figures, or why there are none."""
    if anew.absent or again.absent:
        return f"  {anew.label:30}{anew.absent or again.absent}"
    replays = anew.ours and anew.name != "eager"
    found = [r.ready - replays * steps for r, steps in zip((anew, again), eager)]
    told = [*map(seconds, found), mebibytes(anew.memory), mebibytes(anew.taken)]
    return f"  {anew.label:30}" + "".join(f"{each:>16}" for each in told)


if __name__ == "__main__":
    main()
