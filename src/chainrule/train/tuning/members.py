"""A member of an ensemble: the settings of a good trial, trained once more (floor 4).

All members have the same parts of the data, but each draws its weights and the order of its
examples from a seed of its own, by which networks of the same settings differ too. What comes of
one is its weights as the content of a file, wherever it was trained.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import NamedTuple

from chainrule.data import Examples
from chainrule.io.weights import write_weights
from chainrule.train.job.outcome import Settings
from chainrule.train.job.prepare import Job, prepare
from chainrule.train.tuning.running import attempted

__all__ = ["Member", "Trained", "job_of", "train_member"]

_RUNG = -1  # as of no trial


class Member(NamedTuple):
    """What is to be trained once more.

    Attributes:
        number: of the trial.
        settings: of its training.
    """

    number: int
    settings: Settings

    @property
    def key(self) -> tuple[int, int]:
        """What tells it from the others, and from trials."""
        return self.number, _RUNG

    @property
    def seed(self) -> int:
        """Where its weights and the order of its examples come from."""
        return self.settings.seed + self.number

    def failed(self, error: str) -> Trained:
        """Return what came of it where it could not be trained.

        Args:
            error: why.
        """
        return Trained(self.number, error=error)


@dataclass(frozen=True)
class Trained:
    """What came of a member.

    Attributes:
        number: of the trial.
        seconds: that it took.
        weights: of its network, as the content of a safetensors file; empty if it failed.
        error: why it failed; empty if it did not.
    """

    number: int
    seconds: float = 0.0
    weights: bytes = b""
    error: str = ""

    @property
    def key(self) -> tuple[int, int]:
        """As of the member."""
        return self.number, _RUNG


def job_of(examples: Examples, member: Member) -> Job:
    """Return the job that trains a member.

    Args:
        examples: of the study.
        member: of its ensemble.
    """
    return prepare(examples, member.settings, member.seed)


def train_member(examples: Examples, member: Member) -> Trained:
    """Train; a training that fails is told with its sentence.

    Args:
        examples: of the study.
        member: of its ensemble.
    """
    came = attempted(lambda: job_of(examples, member))
    if came.model is None:
        return Trained(member.number, came.seconds, error=came.error)
    content = io.BytesIO()
    write_weights(content, came.model.state_dict())
    return Trained(member.number, came.seconds, content.getvalue())
