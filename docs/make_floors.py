"""Draw `docs/floors.svg`, the picture of the house in `docs/architecture.md`."""

from __future__ import annotations

from pathlib import Path

# Floor by floor from the top: what the floor is for, and its rooms with a word on each.
FLOORS = [
    (
        "5  doors",
        [
            ("cli", "the commands"),
            ("sklearn", "estimators"),
            ("serve", "answers"),
            ("playground", "pages to touch"),
            ("onnx", "files for others"),
        ],
    ),
    ("4  the work", [("train", "fit, checkpoints, jobs, reports, searches")]),
    ("seeing inside", [("explain", "equations, predictions, a doctor, looks")]),
    (
        "pictures, files, HTTP",
        [
            ("draw", "graphs and plots"),
            ("io", "models in files"),
            ("export", "ONNX, C, NumPy"),
            ("learn", "the lessons"),
            ("web", "HTTP, in limits"),
        ],
    ),
    ("a landing", [("convert", "one network as scalars, layers or modules")]),
    (
        "3  what people build with",
        [
            ("nn, optim", "layers, losses, steps"),
            ("data, vision", "readers, images"),
            ("distributions", "draws, likelihoods"),
            ("linalg, sparse", "solving, graphs"),
        ],
    ),
    (
        "2  readers of the table",
        [
            ("layers", "explicit backpropagation"),
            ("autograd", "Tensor, the tape, any order"),
            ("plan", "steps recorded and compiled"),
        ],
    ),
    (
        "1  the mathematics",
        [("ops", "one record an operation, one door"), ("init", "how weights begin")],
    ),
    (
        "0  the ground",
        [
            ("scalar", "one number at a time"),
            ("backend", "formats, threads"),
            ("picture", "charts, graphs, files"),
            ("errors, files", "sentences, safe writing"),
        ],
    ),
]
WIDTH, ROW, GAP, LEFT = 880, 74, 10, 196


def room(x: float, y: float, width: float, name: str, words: str) -> str:
    """One room: a rectangle with its name and a word on it."""
    middle = x + width / 2
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{ROW - GAP}" rx="8"/>'
        f'<text class="name" x="{middle:.0f}" y="{y + 27:.0f}">{name}</text>'
        f'<text class="words" x="{middle:.0f}" y="{y + 47:.0f}">{words}</text>'
    )


def picture() -> str:
    """The whole house."""
    height = len(FLOORS) * ROW + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>The floors of chainrule: imports only go down</title>",
        "<style>svg{background:#fff}text{font-family:system-ui,sans-serif;fill:#1d2733}"
        ".floor{font-size:13px;fill:#5b6875}.name{font-size:17px;font-weight:600;"
        "text-anchor:middle}.words{font-size:12px;fill:#5b6875;text-anchor:middle}"
        "rect{fill:#eef3f8;stroke:#9fb4c8}</style>",
    ]
    for i, (title, rooms) in enumerate(FLOORS):
        y = i * ROW + 8
        parts.append(f'<text class="floor" x="8" y="{y + 36}">{title}</text>')
        width = (WIDTH - LEFT - 8 - GAP * (len(rooms) - 1)) / len(rooms)
        for j, (name, words) in enumerate(rooms):
            parts.append(room(LEFT + j * (width + GAP), y, width, name, words))
    parts.append(
        f'<text class="floor" x="{LEFT}" y="{height - 10}">'
        "A room may import what is on the floors below it, and nothing beside or above it.</text>"
    )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    Path(__file__).with_name("floors.svg").write_text(picture(), encoding="utf-8")
