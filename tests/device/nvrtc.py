"""NVRTC, the compiler that CuPy uses at run time, for as much as compiling a text takes.

It needs no GPU: the wheel nvidia-cuda-nvrtc-cu12 (or -cu13), or a CUDA toolkit, is enough.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from ctypes.util import find_library
from pathlib import Path


class TextError(Exception):
    """What the compiler has to say about a text."""


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiler, or `None` where there is none."""
    for path in _places():
        try:
            return ctypes.CDLL(str(path))
        except OSError:
            continue
    return None


def _places() -> list[object]:
    found: list[object] = []
    spec = importlib.util.find_spec("nvidia") if importlib.util.find_spec("nvidia") else None
    for folder in spec.submodule_search_locations or () if spec else ():
        found += sorted(Path(folder).glob("**/lib/libnvrtc.so.1[0-9]"))
    named = find_library("nvrtc")
    return [*found, *([named] if named else [])]


def architectures() -> set[int]:
    """The numbers of the architectures that the compiler knows, 90 for sm_90."""
    known = library()
    if known is None:
        return set()
    count = ctypes.c_int()
    _checked(known.nvrtcGetNumSupportedArchs(ctypes.byref(count)))
    numbers = (ctypes.c_int * count.value)()
    _checked(known.nvrtcGetSupportedArchs(numbers))
    return set(numbers)


def compiled(text: str, options: tuple[str, ...]) -> tuple[bytes, str]:
    """Machine code of a text, and what the compiler reports.

    Raises:
        TextError: it does not compile.
    """
    known = library()
    program = ctypes.c_void_p()
    _checked(
        known.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"text.cu", 0, None, None)
    )
    given = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    failed = known.nvrtcCompileProgram(program, len(options), given)
    log = _text(known.nvrtcGetProgramLogSize, known.nvrtcGetProgramLog, program).decode()
    if failed:
        raise TextError(log)
    code = _text(known.nvrtcGetCUBINSize, known.nvrtcGetCUBIN, program)
    known.nvrtcDestroyProgram(ctypes.byref(program))
    return code, log


def _text(size_of: object, read: object, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    _checked(size_of(program, ctypes.byref(size)))
    held = ctypes.create_string_buffer(max(size.value, 1))
    _checked(read(program, held))
    return held.raw[: size.value].rstrip(b"\0") if size.value else b""


def _checked(result: int) -> None:
    if result:
        raise RuntimeError(f"NVRTC gave the error {result}")
