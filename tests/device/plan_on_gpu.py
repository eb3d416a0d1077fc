"""What tests of plans on a GPU share: programs recorded on the processor, moved to the GPU."""

from __future__ import annotations

import numpy as np

from chainrule.backend.arrays import to_gpu, to_host
from chainrule.plan.cuda.executor import Cuda
from chainrule.plan.passes import simplified
from chainrule.plan.record import record


def on_gpu(program):
    """The program with the arrays that it keeps on the GPU."""
    for value in program.state:
        value.array = to_gpu(np.array(value.array))
    return program


def compiled(function, inputs):
    """A function of arrays as a plan on the GPU."""
    return Cuda(on_gpu(simplified(record(function, inputs)[1])))


def found(run, inputs):
    """What a plan gives, on the processor."""
    return [to_host(y) for y in run(*map(to_gpu, inputs))]
