"""What the page of a run shows, as plain records (floor 4).

They know nothing of training, only of the numbers and pictures that a run leaves behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chainrule.explain.doctor.finding import Finding
from chainrule.explain.look.mistakes import Mistake
from chainrule.ops import Array
from chainrule.picture import Markup, Svg

__all__ = ["Boundary", "ColumnSeen", "Look", "Passage", "Report"]


@dataclass(frozen=True)
class Look:
    """A section with pictures of what is in the network.

    Attributes:
        name: its address on the page.
        title: what it shows.
        reading: how to read it, in a sentence or two.
        pictures: one below the other.
    """

    name: str
    title: str
    reading: str
    pictures: Sequence[Svg]


@dataclass(frozen=True)
class Passage:
    """A section of words, made by others.

    Attributes:
        name: its address on the page.
        title: what it says.
        reading: how to read it, in a sentence or two.
        content: elements, escaped already.
    """

    name: str
    title: str
    reading: str
    content: Markup


@dataclass(frozen=True)
class ColumnSeen:
    """A column of a table, and what is in it.

    Attributes:
        name: its header.
        kind: what it is, in a word or two.
        values: its numbers, NaN where one is missing; `None` for a column of categories.
        counts: how often each category is there, the commonest first; empty for numbers.
    """

    name: str
    kind: str
    values: Array | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Boundary:
    """What a classifier of points in the plane says on a grid, and the points.

    Attributes:
        probabilities: `(H, W, K)` at the nodes of the grid, the first row at the least y; or the
            classes themselves, `(H, W)`.
        extent: x of the first and the last column, y of the first and the last row.
        points: `(N, 2)`.
        targets: `(N,)`, the class of each point, 0 to K - 1.
        x_label: the name of the first feature.
        y_label: the name of the second feature.
    """

    probabilities: Array
    extent: tuple[float, float, float, float]
    points: Array
    targets: Array
    x_label: str = ""
    y_label: str = ""


@dataclass(frozen=True)
class Report:
    """What a training run leaves behind; everything but the title may be missing.

    Attributes:
        title: `"chainrule train digits"`.
        kind: what the page is, in small letters above its title.
        passages: what comes before everything else.
        headline: the few numbers that matter, the most important first, as name and value.
        figures: of the test: name and value.
        baselines: what something simple comes to: its name, and its figures by the same names.
        data: facts on the data: rows, classes, shape, source, licence.
        network: a row a layer: layer, output shape, parameters, multiply-adds.
        history: a row an epoch: epoch, loss, validation_loss, any other measure and its
            validation, learning_rate, seconds; a measure may be absent or NaN.
        best_epoch: the epoch whose weights were kept.
        confusion: `(K, K)` counts, a row for each true class.
        classes: the names of the K classes.
        mistakes: the most confidently wrong first.
        findings: what a doctor found, the worst first.
        weights: `(units, C, H, W)`, the first layer's weights as images.
        judged: how far its answers can be trusted.
        looks: what else is seen in the network.
        scatter: for regression, truth and prediction, each `(N,)`.
        boundary: for points in the plane, the decision regions.
        samples: a few example images, `(N, C, H, W)` floats 0 to 1.
        sample_labels: the class of each.
        columns: of a table, what is in each column.
        class_counts: how many examples there are of each class.
        class_means: of images the mean of each class, `(K, C, H, W)` floats 0 to 1.
        foreseen: of what a run takes its name, what was predicted and what was measured.
        uses: what can be done with the run, and the command for it.
        settings: what the run was told, as name and value.
        command: the command line that repeats it.
        environment: versions and machine.
    """

    title: str
    kind: str = "Training report"
    passages: Sequence[Passage] = ()
    headline: Sequence[tuple[str, str]] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    baselines: Sequence[tuple[str, Mapping[str, float]]] = ()
    data: Sequence[tuple[str, str]] = ()
    network: Sequence[Mapping[str, str]] = ()
    history: Sequence[Mapping[str, float]] = ()
    best_epoch: int | None = None
    confusion: Array | None = None
    classes: Sequence[str] = ()
    mistakes: Sequence[Mistake] = ()
    findings: Sequence[Finding] = ()
    weights: Array | None = None
    judged: Sequence[Look] = ()
    looks: Sequence[Look] = ()
    scatter: tuple[Array, Array] | None = None
    boundary: Boundary | None = None
    samples: Array | None = None
    sample_labels: Sequence[str] = ()
    columns: Sequence[ColumnSeen] = ()
    class_counts: Mapping[str, int] = field(default_factory=dict)
    class_means: Array | None = None
    foreseen: Sequence[tuple[str, str, str]] = ()
    uses: Sequence[tuple[str, str]] = ()
    settings: Sequence[tuple[str, str]] = ()
    command: str = ""
    environment: Sequence[tuple[str, str]] = ()
