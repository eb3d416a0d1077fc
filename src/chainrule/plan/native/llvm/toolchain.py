"""LLVM's language in, functions at addresses out, and a cache of compiled code (floor 2).

Code is made for this very processor, its widest vectors included, by LLVM through llvmlite. What
was compiled is kept in the user's cache folder under a name that is a digest of everything it
depends on: the text, the processor and its features, and the versions of what made it. A file that
is damaged, or belongs to another user, is as good as none. This file knows nothing of programs.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from chainrule import __version__
from chainrule.errors import MissingExtraError, require
from chainrule.files import cache_folder, replace_bytes

__all__ = ["Code", "available", "compile_text"]

# Functions of the C library that a text may call, in both precisions.
LIBRARY = (
    *("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "exp2"),
    *("fmod", "log10", "log2", "pow", "sin", "sinh", "tan"),
)
# Loops stay loops: unrolled, whole steps took three times as long to compile and ran no faster.
LEVEL = 3
TUNING = {
    "loop_vectorization": True,
    "loop_interleaving": True,
    "loop_unrolling": False,
    "slp_vectorization": False,
}
# Where a process holds gigabytes, constants may come to lie more than 2 GB away from the code that
# reads them, and addresses of 32 bits would not reach; on x86-64 those of 64 are not slower.
CODE_MODEL = "large" if platform.machine().lower() in ("x86_64", "amd64") else "small"
KEPT = 512  # files in the cache; beyond that the oldest go
DIGEST = 32  # bytes of SHA-256 in front of each


class Code:
    """Compiled functions; they live as long as this object.

    Attributes:
        seconds: how long it took to compile, or to load.
        cached: whether it came from the cache.
    """

    def __init__(self, text: str, folder: Path | None) -> None:
        start = time.perf_counter()
        file = folder / key(text) if folder else None
        image = read(file) if file else None
        self.cached = image is not None
        if image is None:
            image = translate(text)
            if file:
                keep(file, image)
        self._engine = linked(image)
        self.seconds = time.perf_counter() - start

    def function(self, name: str, *kinds: Any, result: Any = None) -> Any:
        """Return the function `name` for calls from Python.

        Args:
            name: in the text.
            kinds: ctypes' types of its arguments.
            result: likewise of what it gives.
        """
        return ctypes.CFUNCTYPE(result, *kinds)(self.address(name))

    def address(self, name: str) -> int:
        """Return where the function `name` begins."""
        return int(self._engine.get_function_address(name))


def available() -> bool:
    """Say whether llvmlite is installed."""
    try:
        llvm()
    except MissingExtraError:
        return False
    return True


def compile_text(text: str, folder: Path | None = None) -> Code:
    """Compile functions written in LLVM's language, or load what is in the cache.

    Args:
        text: the module.
        folder: of the cache; the user's own by default.

    Raises:
        MissingExtraError: llvmlite is not installed.
    """
    return Code(text, folder or cache_folder() / "native")


# --- LLVM ---------------------------------------------------------------------------------------


@cache
def llvm() -> Any:
    """Return llvmlite's binding, ready to make code for this processor."""
    binding = require("llvmlite.binding", "native", "compiling to machine code")
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    library = ctypes.CDLL("ucrtbase" if os.name == "nt" else None)  # the one behind `math`
    for name in (n + kind for n in LIBRARY for kind in ("", "f")):
        binding.add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
    return binding


def features() -> str:
    """Return the processor's features, and that its widest vectors are wanted."""
    flags = str(llvm().get_host_cpu_features().flatten())
    wide = platform.machine().lower() in ("x86_64", "amd64")
    return f"{flags},-prefer-256-bit" if wide else flags


@cache
def machine() -> Any:
    """Return LLVM's description of this processor."""
    binding = llvm()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=features(),
        opt=3,
        reloc="pic",
        codemodel=CODE_MODEL,
    )


def optimised(text: str) -> Any:
    """Parse a module and let LLVM improve it, vectors above all."""
    binding = llvm()
    module = binding.parse_assembly(text)
    module.verify()
    tuning = binding.create_pipeline_tuning_options(speed_level=LEVEL)
    for name, wanted in TUNING.items():
        setattr(tuning, name, wanted)
    builder = binding.create_pass_builder(machine(), tuning)
    builder.getModulePassManager().run(module, builder)
    return module


def translate(text: str) -> bytes:
    """Compile a module to an object file."""
    return bytes(machine().emit_object(optimised(text)))


def linked(image: bytes) -> Any:
    """Load an object file into this process."""
    binding = llvm()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), fresh_machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(image))
    engine.finalize_object()
    return engine


def fresh_machine() -> Any:
    """An engine takes its target machine for itself."""
    return llvm().Target.from_default_triple().create_target_machine()


# --- the cache ----------------------------------------------------------------------------------


def key(text: str) -> str:
    """Return the name under which the code of `text` is kept: a digest of all it depends on."""
    binding = llvm()
    versions = (__version__, require("llvmlite", "native", "").__version__)
    parts: Sequence[Any] = (
        *versions,
        binding.llvm_version_info,
        binding.get_process_triple(),
        binding.get_host_cpu_name(),
        features(),
        (LEVEL, TUNING, CODE_MODEL),
        text,
    )
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def read(file: Path) -> bytes | None:
    """Return the object file kept in `file` if it is there, whole and this user's own."""
    try:
        if hasattr(os, "getuid") and file.stat().st_uid != os.getuid():
            return None
        content = file.read_bytes()
    except OSError:
        return None
    digest, image = content[:DIGEST], content[DIGEST:]
    return image if hashlib.sha256(image).digest() == digest else None


def keep(file: Path, image: bytes) -> None:
    """Put an object file into the cache; where that cannot be, do without."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_bytes(file, hashlib.sha256(image).digest() + image)
        files = sorted(file.parent.iterdir(), key=lambda f: f.stat().st_mtime, reverse=True)
        for old in files[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError:
        return
