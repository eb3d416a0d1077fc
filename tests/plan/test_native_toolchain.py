"""The cache of compiled code: what it is keyed by, and what it does with damage."""

from __future__ import annotations

import ctypes
import os

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.native.llvm import toolchain

TEXT = """
define void @double_it(ptr %x) {
  %old = load double, ptr %x
  %new = fadd double %old, %old
  store double %new, ptr %x
  ret void
}
"""


def doubled(code):
    x = np.array([21.0])
    code.function("double_it", ctypes.c_void_p)(x.ctypes.data)
    return x[0]


def compiled(folder, text=TEXT):
    code = toolchain.compile_text(text, folder)
    assert doubled(code) == 42.0
    return code


def test_code_is_compiled_once(tmp_path):
    assert not compiled(tmp_path).cached
    again = compiled(tmp_path)
    assert again.cached
    assert again.seconds > 0
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("damage", ["cut short", "a byte changed", "emptied"])
def test_a_damaged_file_is_ignored_and_replaced(tmp_path, damage):
    compiled(tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    middle = len(whole) // 2
    wrong = {
        "cut short": whole[:-8],
        "a byte changed": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "emptied": b"",
    }
    file.write_bytes(wrong[damage])
    assert not compiled(tmp_path).cached
    assert file.read_bytes() == whole
    assert compiled(tmp_path).cached


def test_another_text_is_other_code(tmp_path):
    compiled(tmp_path)
    assert not compiled(tmp_path, TEXT.replace("%old", "%before")).cached
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("what", ["features", "version"])
def test_another_processor_or_version_is_other_code(tmp_path, monkeypatch, what):
    compiled(tmp_path)
    if what == "features":
        monkeypatch.setattr(toolchain, "features", lambda: "")
    else:
        monkeypatch.setattr(toolchain, "__version__", "0.0")
    assert not compiled(tmp_path).cached


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owner here")
def test_code_of_another_user_is_not_run(tmp_path, monkeypatch):
    compiled(tmp_path)
    monkeypatch.setattr(os, "getuid", lambda: -1)
    assert not compiled(tmp_path).cached


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert not compiled(tmp_path / "file" / "folder").cached


def test_the_oldest_code_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(toolchain, "KEPT", 2)
    for k in range(4):
        compiled(tmp_path, TEXT.replace("%old", f"%old{k}"))
    assert len(list(tmp_path.iterdir())) == 2
    assert compiled(tmp_path, TEXT.replace("%old", "%old3")).cached
