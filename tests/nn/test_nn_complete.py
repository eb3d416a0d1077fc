"""Nothing in `nn` goes untested, and what PyTorch has too is called as there."""

import inspect

import pytest

from chainrule import nn
from nn.rows import ACTIVATIONS, LAYERS, LOSSES

TRIED = {row.kind for row in [*LAYERS, *ACTIVATIONS, *LOSSES]}

# What is no layer or loss with a counterpart in PyTorch, and the file that tries it.
ELSEWHERE = {
    "Module": "test_nn_module.py",
    "ModuleList": "test_nn_module.py",
    "Normalize": "test_nn_layers.py",
    "Parameter": "test_nn_module.py",
    "Sequential": "test_nn_module.py",
    "functional": "test_nn_functional.py",
    "init": "test_nn_init.py",
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
    names = [str(row) for row in [*LAYERS, *ACTIVATIONS, *LOSSES]]
    assert sorted(set(names)) == sorted(names)


# Of PyTorch's that do not change numbers here, and those that are not offered.
NOT_OURS = {
    "device",  # there is only one
    "dtype",  # .double() afterwards
    "size_average",  # PyTorch's former words for reduction
    "reduce",
    "padding_mode",
    "ceil_mode",
    "divisor_override",
    "return_indices",
    "max_norm",
    "norm_type",
    "scale_grad_by_freq",
    "sparse",
    "_weight",
    "_freeze",
}


@pytest.mark.parametrize("name", sorted(TRIED))
def test_arguments_are_named_ordered_and_preset_as_in_pytorch(name, torch):
    ours = inspect.signature(getattr(nn, name)).parameters
    theirs = inspect.signature(getattr(torch.nn, name)).parameters
    if "args" in theirs:  # PyTorch takes whatever comes
        return
    for parameter in ours.values():
        if parameter.name == "generator":
            assert parameter.kind is parameter.KEYWORD_ONLY
            continue
        default = theirs[parameter.name].default
        if name in ("Softmax", "LogSoftmax"):
            default = -1  # PyTorch guesses, and warns
        assert parameter.default == default, parameter.name
    by_place = [p.name for p in ours.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    # In PyTorch's order; what is left out there would have come by keyword, or is of old.
    wanted = [p for p in theirs if p not in NOT_OURS]
    assert by_place == wanted[: len(by_place)]
    missing = set(wanted) - set(ours)
    assert missing <= ({"bias"} if "BatchNorm" in name else set())
    # Nothing stands in the place of something else of PyTorch's that is not of old.
    for place, p in enumerate(by_place):
        ahead = [q for q in list(theirs)[: list(theirs).index(p)] if q in NOT_OURS]
        assert set(ahead) <= {"size_average", "reduce"}, (place, p)
