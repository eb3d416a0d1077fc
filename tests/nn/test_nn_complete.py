"""Nothing in `nn` goes untested, and what PyTorch has too is called as there."""

import inspect

import pytest

from chainrule import nn
from nn.rows import ACTIVATIONS, LAYERS, LOSSES
from nn.rows_sequences import SEQUENCES
from nn.rows_windows import WINDOWS

ROWS = [*LAYERS, *ACTIVATIONS, *LOSSES, *SEQUENCES, *WINDOWS]
TRIED = {row.kind for row in ROWS}

# What is no layer or loss with a counterpart in PyTorch, and the file that tries it.
ELSEWHERE = {
    "Buffer": "test_nn_hooks.py",
    "Columns": "test_nn_columns.py",
    "CrossMapLRN2d": "test_nn_windows.py",
    "DataParallel": "../test_absent.py",
    "Ensemble": "test_nn_ensemble.py",
    **{f"FractionalMaxPool{n}d": "test_nn_windows.py" for n in (2, 3)},
    "LazyLinear": "test_nn_windows.py",
    **{
        f"Lazy{kind}{n}d": "test_nn_windows.py"
        for kind in ("Conv", "ConvTranspose", "BatchNorm", "InstanceNorm")
        for n in (1, 2, 3)
    },
    **{f"MaxUnpool{n}d": "test_nn_windows.py" for n in (1, 2, 3)},
    "Module": "test_nn_module.py",
    "ModuleDict": "test_nn_containers.py",
    "ModuleList": "test_nn_module.py",
    "Normalize": "test_nn_layers.py",
    "Parameter": "test_nn_module.py",
    "ParameterDict": "test_nn_containers.py",
    "ParameterList": "test_nn_containers.py",
    "RNNBase": "test_nn_sequences.py",
    "RNNCellBase": "test_nn_sequences.py",
    "RReLU": "test_nn_functional.py",
    "Sequential": "test_nn_module.py",
    "SyncBatchNorm": "../distributed/test_parallel.py",
    "UninitializedBuffer": "test_nn_windows.py",
    "UninitializedParameter": "test_nn_windows.py",
    "TransformerDecoder": "test_nn_sequences.py",
    "TransformerEncoder": "test_nn_sequences.py",
    "functional": "test_nn_functional.py",
    "init": "test_nn_init.py",
    "parallel": "../test_absent.py",
    "utils": "test_nn_utils.py",
}


@pytest.mark.parametrize("name", nn.__all__)
def test_everything_has_a_row(name):
    assert (name in TRIED) != (name in ELSEWHERE), (
        f"nn.{name} needs a row in rows.py, or a test of its own that is named in ELSEWHERE"
    )


def test_rows_are_of_things_that_exist():
    assert set(nn.__all__) == TRIED | set(ELSEWHERE)


def test_rows_differ():
    names = [str(row) for row in ROWS]
    assert sorted(set(names)) == sorted(names)


# What layers that are not whole yet leave out, at the end of PyTorch's arguments.
LEFT_OUT = {"device", "dtype", "padding_mode", "ceil_mode", "divisor_override", "return_indices"}


@pytest.mark.parametrize("name", sorted(TRIED))
def test_arguments_are_named_ordered_and_preset_as_in_pytorch(name, torch):
    ours = inspect.signature(getattr(nn, name)).parameters
    theirs = inspect.signature(getattr(torch.nn, name)).parameters
    if "args" in theirs:  # PyTorch takes whatever comes
        return
    own = {"generator", "_freeze"} - set(theirs)
    for parameter in ours.values():
        if parameter.name in own:
            assert parameter.kind is parameter.KEYWORD_ONLY
        elif not callable(parameter.default):  # each library's own relu
            assert parameter.default == theirs[parameter.name].default, parameter.name
    by_place = [p.name for p in ours.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    wanted = [p.name for p in theirs.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert by_place == wanted[: len(by_place)]
    missing = set(theirs) - set(ours)
    assert missing <= (LEFT_OUT | ({"bias"} if "BatchNorm" in name else set()))
