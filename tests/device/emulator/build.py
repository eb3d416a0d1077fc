"""The text of kernels in CUDA C as a library for the processor.

The text is compiled by g++ after `emulator.h`, with a line for each kernel behind it that makes it
callable. Libraries are kept in the temporary folder under the hash of all that went into them.
"""

from __future__ import annotations

import ctypes
import functools
import getpass
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

HEADER = Path(__file__).with_name("emulator.h")
COMPILER = shutil.which("g++")
FLAGS = (
    "-O1",
    "-shared",
    "-fPIC",
    "-fvisibility=hidden",
    "-Wl,-Bsymbolic",
    "-ffp-contract=off",  # sums and products are rounded one by one, as NumPy does
    "-fno-strict-aliasing",
    "-U_FORTIFY_SOURCE",  # it takes a jump to another stack for an error
    "-w",
)
_KERNEL = re.compile(r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)')
_DYNAMIC = re.compile(
    r"extern\s+__shared__\s+(?:__align__\(\d+\)\s+)?((?:\w+\s+)*?\w+)\s+(\w+)\s*\[\s*\]\s*;"
)
_OPTION = re.compile(r"-std=c\+\+(11|14|17|20)|(-D|--define-macro=)\w+(=.*)?|--?fmad=\w+")


class CompileError(Exception):
    """What the compiler has to say about a text."""


def kernels(text: str) -> list[str]:
    """The names of the kernels in a text."""
    return _KERNEL.findall(text)


def plain(text: str) -> str:
    """The text with dynamic shared memory, which C++ has no word for, as a pointer."""
    return _DYNAMIC.sub(r"\1 *\2 = (\1 *)emulator::dynamic_shared();", text)


@functools.cache
def library(text: str, options: tuple[str, ...] = ()) -> ctypes.CDLL:
    """Compile a text, or find it compiled.

    Raises:
        CompileError: it is not C++, includes files, or an option has no meaning here.
    """
    if "#include" in text:
        raise CompileError("the compiler at run time has no headers: the text must include none")
    strange = [option for option in options if not _OPTION.fullmatch(option)]
    if strange:
        raise CompileError(f"options {strange} have no meaning here")
    names = kernels(text)
    source = "\n".join(
        ['#include "emulator.h"', "#line 1", plain(text), *(f"EMULATOR_KERNEL({n})" for n in names)]
    )
    given = [option.replace("--define-macro=", "-D") for option in options if "fmad" not in option]
    if not any(option.startswith("-std") for option in given):
        given.append("-std=c++17")
    key = hashlib.sha256()
    for part in (HEADER.read_text(), source, *given, *FLAGS):
        key.update(part.encode() + b"\0")
    path = _folder() / f"{key.hexdigest()[:32]}.so"
    if not path.exists():
        _compile(source, given, path)
    return ctypes.CDLL(str(path))


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"cuda-emulator-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _compile(source: str, options: list[str], path: Path) -> None:
    if COMPILER is None:
        raise CompileError("there is no g++ to compile kernels for the processor")
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        text, made = Path(folder) / "text.cpp", Path(folder) / "made.so"
        text.write_text(source)
        command = [COMPILER, *FLAGS, *options, f"-I{HEADER.parent}", str(text), "-o", str(made)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            raise CompileError(run.stderr)
        os.replace(made, path)
