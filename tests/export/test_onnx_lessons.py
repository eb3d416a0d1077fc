"""Every network that is called in a lesson answers alike as an ONNX file, whatever the batch."""

from __future__ import annotations

import re
import runpy

import numpy as np
import pytest

from chainrule.backend import threads
from chainrule.errors import DataError
from chainrule.export.onnx import onnx_bytes, read_onnx
from chainrule.learn import lessons
from chainrule.nn import Module
from export.onnx_judge import agree, answers, ours

CALLING = [
    lesson for lesson in lessons() if re.search(r"\bnn\.", lesson.path.read_text(encoding="utf-8"))
]

# A network of this lesson keeps its weights as numbers while it computes, which no file can say.
LOOKING = {"18_attention": "reads numbers out of a tensor"}

# Thirty layers make more of a rounding than the usual share.
DEEP = {"15_going_deeper": 1e-4}


@pytest.fixture
def called(monkeypatch):
    """The networks that are called from outside of others, of each kind the first."""
    found: dict[str, tuple[Module, tuple]] = {}
    call, inside = Module.__call__, []

    def noted(module, *args, **kwargs):
        inside.append(module)
        try:
            y = call(module, *args, **kwargs)
        finally:
            inside.pop()
        if not inside and not kwargs and all(len(a.shape) > 1 for a in args):  # with a batch
            found.setdefault(str(module), (module, args))
        return y

    monkeypatch.setattr(Module, "__call__", noted)
    yield found
    monkeypatch.undo()


@pytest.mark.parametrize("lesson", CALLING, ids=lambda lesson: lesson.name)
def test_networks_of_a_lesson_answer_alike(lesson, called, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with threads.policy(1):
        runpy.run_path(str(lesson.path), run_name="__main__")
    monkeypatch.undo()
    for network, args in list(called.values()):
        network.eval()
        examples = [np.asarray(getattr(a, "array", a))[:7] for a in args]
        if lesson.name in LOOKING and "Attention" in str(network):
            with pytest.raises(DataError, match=LOOKING[lesson.name]):
                onnx_bytes(network, *examples)
            continue
        content = onnx_bytes(network, *examples)
        loaded = read_onnx(content)
        for n in (1, 3, 7):
            arrays = [np.take(a, np.arange(n) % len(a), 0) for a in examples]
            expected = ours(network, arrays)
            agree(answers(content, arrays), expected, near=DEEP.get(lesson.name))
            agree(ours(loaded, arrays), expected, near=1e-6)
