"""What every test runs under: the same examples each time, and the settings left as they were."""

from __future__ import annotations

import hypothesis
import pytest

from chainrule import backend
from chainrule.backend import dtypes

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")
