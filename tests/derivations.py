"""A derivation taken at its word: every name computed from what was given, line by line."""

from __future__ import annotations

import numpy as np


def computed(equations):
    """The value of every name of a derivation, by its label."""
    made = {line.left.label for line in equations.lines}
    values = {label: a for label, a in equations.values.items() if label not in made}
    for line in equations.lines:
        assert line.left.label not in values, f"{line.left.label} stands for two things"
        found = np.asarray(line.right.evaluate(values))
        assert found.shape == line.shape, line.left.label
        values[line.left.label] = found
    return values
