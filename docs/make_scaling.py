"""Draw the pictures of `docs/scaling.md` from what `python -m bench.scaling` found.

`python docs/make_scaling.py` writes `docs/scaling-*.svg`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench import foresight  # noqa: E402  (the repository's folder must be found first)

from chainrule.distributed.scaling import WAYS, Cluster, Network, strong, weak  # noqa: E402
from chainrule.picture import Svg, line_chart, stacked  # noqa: E402

POWERS = list(range(11))
RANKS = [2**k for k in POWERS]
ACROSS = "ranks, two to the power of"
SHORT, LONG = 4e3, 4e6  # bytes of the two sums


def steps(found: dict, *, shared: bool, cap: float = 25.0) -> dict:
    """For each network and workload the predicted steps, by ranks."""
    predict = strong if shared else weak
    return {
        place: {
            name: [predict(foresight.job(found, name, "compiled", cap), cluster, p) for p in RANKS]
            for name in foresight.drawn_out(found)
        }
        for place, cluster in foresight.places(found).items()
    }


def charts(series: dict, title: str, **how: object) -> Svg:
    """One chart for each title, of the lines of that name, one below the other."""
    each = [
        line_chart(lines, x_label=ACROSS, title=told, height=270, **how)
        for told, lines in series.items()
    ]
    return stacked(each, title=title)


def of_each(predicted: dict, number: Callable[[list], list]) -> dict:
    """What `number` makes of the steps of each workload, by networks."""
    return {
        place: {name: number(each) for name, each in by_name.items()}
        for place, by_name in predicted.items()
    }


def efficiency(predicted: dict, title: str) -> Svg:
    """How much of each rank's work is left when there are more, one chart for each network."""

    def left(each: list) -> list:
        # A rank without a row has nothing to do.
        return [(k, s.efficiency(each[0])) for k, s in enumerate(each) if s.rows >= 1]

    return charts(of_each(predicted, left), title, y_format="%", y_label="efficiency")


def times(predicted: dict, title: str) -> Svg:
    """The milliseconds of a step, one chart for each network."""
    series = of_each(predicted, lambda each: [1e3 * s.seconds for s in each])
    return charts(series, title, x=POWERS, log_y=True, y_label="milliseconds")


def hidden(predicted: dict, title: str) -> Svg:
    """What of the exchange costs no time, one chart for each network."""
    series = of_each(predicted, lambda each: [s.hidden for s in each[1:]])
    del series[foresight.MEMORY]
    return charts(series, title, x=POWERS[1:], y_format="%", y_label="hidden")


def ways(network: Network, title: str) -> Svg:
    """A sum in each of the ways, of few bytes and of many."""
    series = {
        told: {way: [1e3 * network.all_reduce(n, p, way) for p in RANKS[1:]] for way in WAYS}
        for n, told in ((SHORT, "4 kB"), (LONG, "4 MB"))
    }
    return charts(series, title, x=POWERS[1:], log_y=True, y_label="milliseconds")


def main() -> None:
    """Write all of them."""
    found = json.loads((HERE.parent / "bench" / "scaling.json").read_text(encoding="utf-8"))
    each, together = steps(found, shared=False), steps(found, shared=True)
    ethernet: Cluster = foresight.places(found)[foresight.ETHERNET]
    pictures = {
        "ways": ways(ethernet.between, "A sum over all ranks, 1 Gbit/s, 0.1 ms"),
        "weak": efficiency(each, "Every rank has the workload's batch"),
        "strong": efficiency(together, "Ranks share the workload's batch"),
        "time": times(each, "A step, where every rank has the workload's batch"),
        "hidden": hidden(
            steps(found, shared=False, cap=foresight.SMALL),
            "Hidden behind the way back, in buckets of 0.25 MiB",
        ),
    }
    for name, picture in pictures.items():
        picture.save(HERE / f"scaling-{name}.svg")


if __name__ == "__main__":
    main()
