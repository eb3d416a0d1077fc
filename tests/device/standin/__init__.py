"""A stand-in for CuPy: the array module of a machine with GPUs, on NumPy's memory.

It is made to be no kinder than CuPy 14: its arrays are of a class of their own that NumPy cannot
read, host arrays do not mix with them, reductions give arrays without dimensions, only the names
and keywords that CuPy has are there (`test_standin.py` holds them against an installed CuPy),
streams can be captured into graphs, and while one is, nothing is computed.

`make()` gives a fresh module: `device.standin.make().zeros(3)`.
"""

from __future__ import annotations

from device.standin.module import make

__all__ = ["make"]
