"""The command: `python -m bench [WORKLOAD]...`."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

import click

from bench import machine
from bench.contenders import CONTENDERS, chosen
from bench.measure import ROOT, environment, race
from bench.picture import picture
from bench.record import Race, Run
from bench.report import page, results
from bench.workloads import WORKLOADS, shortened
from chainrule.files import replace_text

HERE = Path(__file__).parent
LONG = 1e10  # operations of workloads that can be shortened


@click.command()
@click.argument("names", metavar="[WORKLOAD]...", nargs=-1, type=click.Choice(list(WORKLOADS)))
@click.option("--contenders", "-c", default=",".join(CONTENDERS), help="Which, comma between.")
@click.option("--threads", default="1,2", show_default=True, help="Numbers of threads.")
@click.option("--rounds", default=9, show_default=True, help="Of each race.")
@click.option("--budget", default=60.0, show_default=True, help="Seconds of a race, about.")
@click.option("--share", default=1.0, show_default=True, help="Of the steps of long ones.")
@click.option("--busy", default=0, show_default=True, help="Other processes, spinning meanwhile.")
@click.option("--render", is_flag=True, help="Measure nothing, write the pages anew.")
@click.option("--keep/--no-keep", default=True, help="Whether to write results and pages.")
def main(
    names: tuple[str, ...],
    contenders: str,
    threads: str,
    rounds: int,
    budget: float,
    share: float,
    busy: int,
    render: bool,
    keep: bool,
) -> None:
    """Run chainrule and its peers side by side, and write what was found."""
    if render:
        write(Run.read(HERE / "results.json"))
        return
    racing = chosen(contenders)
    command = " ".join(["python -m bench", *sys.argv[1:]])
    run = Run(machine.facts(), "", (machine.load_average(), 0.0), command)
    for count in map(int, threads.split(",")):
        limits = machine.limits(environment(count))
        for name in names or WORKLOADS:
            workload = WORKLOADS[name]
            if workload.flops > LONG:
                workload = shortened(workload, share)
            with machine.kept_busy(busy):
                found = race(
                    workload,
                    racing,
                    count,
                    rounds=rounds,
                    budget=budget,
                    say=lambda line: click.echo(line, err=True),
                )
            run.races.append(Race(workload, count, limits, found))
            run.load = (run.load[0], machine.load_average())
            run.date = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC"
            if keep:  # a run that is interrupted is not lost
                run.write(HERE / "results.json")
        # The machine's best of two moments: at one of them something else may have been busy.
        for what, reached in machine.limits(environment(count)).items():
            limits[what] = max(limits[what], reached)
    click.echo(results(run))
    if keep:
        run.write(HERE / "results.json")
        write(run)


def write(run: Run) -> None:
    """Write `RESULTS.md`, and the page and picture of the documentation."""
    replace_text(HERE / "RESULTS.md", results(run))
    replace_text(ROOT / "docs" / "bench.md", page(run))
    picture(run, run.threads()[0]).save(ROOT / "docs" / "bench.svg")


if __name__ == "__main__":
    main()
