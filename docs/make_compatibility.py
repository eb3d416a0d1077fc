"""Write `docs/compatibility.md`: which of PyTorch's public names are here, and which are not.

What PyTorch has is asked of the PyTorch that is installed; what is here, of this library. Names
that could mean nothing on a processor, on a GPU by CuPy and in Python alone are listed apart, with
the reason, and are not counted.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "compatibility.md"

# Why names are not counted, with the patterns that whole names match. The first that matches holds.
ELSEWHERE = {
    "quantised numbers": r"q_\w+|qscheme|int_repr|\w*quantize\w*|is_quantized"
    r"|fused_moving\w+|choose_qparams\w*"
    r"|fbgemm_\w+|rnn_\w+_cell|quantized_\w+",
    "other devices and their libraries": r"cuda|cudnn_\w+|miopen_\w+|mkldnn\w*|to_mkldnn|is_mkldnn"
    r"|ipu|xpu|mtia|hpu|is_(ipu|xpu|mtia|hpu|maia|mps|vulkan|xla|vulkan_available)|get_device\w*"
    r"|module_load|record_stream|pin_memory|is_pinned|Stream|Event|DataParallel"
    r"|CrossMapLRN2d"
    r"|\w*autocast\w*|scaled_(grouped_)?mm|grouped_mm|\w*_mm_\w+|is_vulkan_available|sdp_kernel"
    r"|accelerator",
    "names of dimensions": r"names|rename_?|refine_names|align_(as|to|tensors)|has_names|name",
    "memory as such": r"storage\w*|untyped_storage|typed_storage|set_|is_set_to|share_memory_"
    r"|is_shared|const_data_ptr|data_ptr|dim_order|as_subclass|\w*Storage\w*|from_file"
    r"|resize_as_sparse_|empty_permuted|empty_quantized|new_empty_strided|is_storage|untyped\w*",
    "complex numbers": r"c(float|double|half)|chalf|is_complex|is_conj|is_neg|conj\w*|resolve_\w+"
    r"|real|imag|angle|view_as_(real|complex)(_copy)?|complex|polar|mH|H|adjoint|isreal|sgn_?"
    r"|physical|i?stft|eig|eigvals",
    "the inside of PyTorch, its compiler and its tracer": r"sym_\w+|import_ir\w*|parse_\w+|wait"
    r"|fork|(?!index_copy)\w+_copy|merge_type\w*|unify_type\w*|native_\w+|batch_norm_\w+|while_loop"
    r"|torch\.cond|affine_grid_generator|\w*grid_sampler\w*|embedding_renorm_|constant_pad_nd"
    r"|torch\.convolution|thread_safe_generator|read_vitals|set_vital|is_maia"
    r"|vitals_enabled|reinforce|boolean_dispatch|handle_torch_\w+|has_torch_\w+|output_nr|layout"
    r"|assert_int_or_pair|Optional|slice_inverse|\w*nested\w*|grad_dtype"
    r"|is_distributed|\w*warn_always\w*|set_flush_denormal"
    r"|init_num_threads|compiled_with_cxx11_abi|to_padded_tensor|unsafe_\w+|autograd\.variable"
    r"|is_anomaly_check_nan_enabled|memory_format|\w*datapipes?\w*|\w*DataPipe|DataChunk|runtime_\w+"
    r"|argument_validation|\w*rnn_\w+_cell",
    "sparse formats other than coordinates and rows": r"ccol_indices|row_indices|sparse_resize\w*"
    r"|sparse_(compressed|bsr|bsc|csc)\w*|to_sparse_(bsr|bsc|csc)|smm|sspaddmm|saddmm|hspmm|dsmm",
    "deprecated by PyTorch itself": r"Container|symeig|volatile"
    r"|(Tensor|torch)\.solve|NLLLoss2d|triangular_solve",
}


@dataclass(frozen=True)
class Place:
    """Where names live, there and here.

    Attributes:
        title: of the section.
        theirs: PyTorch's object, by path below `torch`.
        ours: by path below `chainrule`.
        counts: which of PyTorch's things are asked for.
    """

    title: str
    theirs: str
    ours: str
    counts: Callable[[Any], bool] = callable

    def names(self) -> list[str]:
        """PyTorch's names, without those that only it needs."""
        there = found("torch", self.theirs)
        listed = getattr(there, "__all__", None) if inspect.ismodule(there) else None
        return sorted(n for n in listed or dir(there) if self._is_asked(there, n))

    def _is_asked(self, there: Any, name: str) -> bool:
        thing = getattr(there, name, None)
        if name.startswith("_") or inspect.ismodule(thing) or not self.counts(thing):
            return False
        home = getattr(thing, "__module__", None) or "torch"
        return not inspect.ismodule(there) or home.partition(".")[0] in ("torch", "builtins")


def is_attribute(thing: Any) -> bool:
    """Whether it is a method or a property."""
    return thing is not None


def is_function(thing: Any) -> bool:
    """Whether it is called, and is not a class: those of the tracer would drown the others."""
    return callable(thing) and not inspect.isclass(thing)


PLACES = [
    Place("Tensor", "Tensor", "Tensor", is_attribute),
    Place("torch", "", "", is_function),
    Place("nn", "nn", "nn", inspect.isclass),
    Place("nn.functional", "nn.functional", "nn.functional", is_function),
    Place("nn.init", "nn.init", "nn.init"),
    Place("nn.utils", "nn.utils", "nn.utils"),
    Place("optim", "optim", "optim"),
    Place("optim.lr_scheduler", "optim.lr_scheduler", "optim.lr_scheduler"),
    Place("linalg", "linalg", "linalg"),
    Place("autograd", "autograd", "autograd"),
    Place("utils.data", "utils.data", "utils.data"),
    Place("distributions", "distributions", "distributions"),
]


def found(package: str, path: str) -> Any:
    """Return a module, or what is in one, by its path below a package."""
    here = importlib.import_module(package)
    for name in path.split(".") if path else []:
        try:
            here = getattr(here, name)
        except AttributeError:
            here = importlib.import_module(f"{here.__name__}.{name}")
    return here


def reason(place: str, name: str) -> str:
    """Return why a name is not counted, or nothing; a pattern may name the place as well."""
    both = (name, f"{place}.{name}")
    matches = (w for w, names in ELSEWHERE.items() if any(re.fullmatch(names, n) for n in both))
    return next(matches, "")


@dataclass
class Section:
    """The names of a place: here, missing, and those not counted with the reason."""

    title: str
    present: list[str]
    absent: list[str]
    elsewhere: dict[str, list[str]]

    @property
    def share(self) -> float:
        """Of the names that count, those that are here."""
        return len(self.present) / max(len(self.present) + len(self.absent), 1)


def compared(place: Place) -> Section:
    """Hold a place of PyTorch's against ours."""
    try:
        ours = found("chainrule", place.ours)
    except ModuleNotFoundError:
        ours = None
    section = Section(place.title, [], [], {})
    for name in place.names():
        why = reason(place.title, name)
        if hasattr(ours, name):
            section.present.append(name)
        elif why:
            section.elsewhere.setdefault(why, []).append(name)
        else:
            section.absent.append(name)
    return section


def listed(names: list[str]) -> str:
    """Names as one paragraph."""
    return ", ".join(f"`{name}`" for name in names)


def written(sections: list[Section]) -> Iterator[str]:
    """The lines of the page."""
    import torch

    yield "# What of PyTorch is here"
    yield ""
    yield (
        "A program for PyTorch runs with its imports changed: `import chainrule as torch`, "
        "`import chainrule.nn as nn`, and so on. This page is generated by "
        "`python docs/make_compatibility.py`, which compares public names with those of PyTorch "
        f"{torch.__version__.partition('+')[0]}. Names that could mean nothing here, on a "
        "processor or a GPU by CuPy and without a compiler of Python, are listed apart and not "
        "counted."
    )
    yield ""
    yield "| place | here | of | share |"
    yield "|---|---:|---:|---:|"
    for s in sections:
        total = len(s.present) + len(s.absent)
        yield f"| [{s.title}](#{anchor(s.title)}) | {len(s.present)} | {total} | {s.share:.0%} |"
    for s in sections:
        yield ""
        yield f"## {s.title}"
        yield ""
        yield f"**Here:** {listed(s.present)}."
        if s.absent:
            yield ""
            yield f"**Not here:** {listed(s.absent)}."
        if s.elsewhere:
            yield ""
            yield "**Not counted:**"
            yield ""
            for why, names in s.elsewhere.items():
                yield f"- {why}: {listed(names)}"


def anchor(title: str) -> str:
    """The place of a heading in the page's address."""
    return title.lower().replace(".", "-").replace("_", "-")


def page() -> str:
    """Return the page."""
    return "\n".join(written([compared(place) for place in PLACES])) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.name}: {len(page().splitlines())} lines")
