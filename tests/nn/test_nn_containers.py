"""Containers as PyTorch's: what is done to them, and what they say of themselves afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from chainrule import nn
from chainrule.autograd import ones
from chainrule.errors import OptionError


def shown(container: Any) -> Any:
    """What can be compared of a container of either library."""
    names = [(name, tuple(p.shape)) for name, p in container.named_parameters()]
    kinds = [(name, type(m).__name__) for name, m in container.named_modules()]
    return names, kinds, list(container.state_dict()), len(container)


def in_a_row(nn: Any, kind: str) -> Any:
    row = [nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)]
    return nn.Sequential(*row) if kind == "Sequential" else nn.ModuleList(row)


CHANGES = {
    "append": lambda c, nn: c.append(nn.Tanh()),
    "insert": lambda c, nn: c.insert(1, nn.Linear(3, 3)),
    "insert first": lambda c, nn: c.insert(0, nn.Tanh()),
    "extend": lambda c, nn: c.extend([nn.Tanh(), nn.Linear(2, 1)]),
    "pop": lambda c, nn: c.pop(0),
    "pop the last": lambda c, nn: c.pop(-1),
    "delete": lambda c, nn: c.__delitem__(1),
    "delete several": lambda c, nn: c.__delitem__(slice(0, 2)),
    "set": lambda c, nn: c.__setitem__(-1, nn.Sigmoid()),
    "add": lambda c, nn: (
        c.__iadd__(nn.ModuleList([nn.Tanh()]))
        if type(c).__name__ == "ModuleList"
        else c.__iadd__(nn.Sequential(nn.Tanh()))
    ),
}


@pytest.mark.parametrize("kind", ["Sequential", "ModuleList"])
@pytest.mark.parametrize("change", CHANGES)
def test_rows_changed_as_pytorch(change, kind, torch):
    found = []
    for library in (nn, torch.nn):
        container = in_a_row(library, kind)
        CHANGES[change](container, library)
        found.append((shown(container), repr(container)))
    assert found[0] == found[1]


def test_rows_joined_and_repeated(torch):
    for library in (nn, torch.nn):
        one, other = (in_a_row(library, "Sequential") for _ in range(2))
        assert [type(m).__name__ for m in one + other] == ["Linear", "ReLU", "Linear"] * 2
        assert len(one * 2) == len(2 * one) == 6
        assert (one * 2)[3] is one[0]


def test_like_ones_in_a_list_are_shown_once(torch):
    def blocks(nn: Any) -> Any:
        return nn.ModuleList([nn.Linear(2, 2), nn.ReLU(), nn.ReLU(), nn.ReLU(), nn.Linear(2, 2)])

    assert repr(blocks(nn)) == repr(blocks(torch.nn))
    assert "(1-3): 3 x ReLU()" in repr(blocks(nn))


def test_a_failed_change_changes_nothing():
    row = in_a_row(nn, "Sequential")
    for change in (lambda: row.insert(0, "relu"), lambda: row.append(nn.ReLU)):
        with pytest.raises(OptionError, match="takes modules"):
            change()
    assert [type(m).__name__ for m in row] == ["Linear", "ReLU", "Linear"]
    with pytest.raises(IndexError):
        row.pop(3)


# --- by name ------------------------------------------------------------------------------------


def named(nn: Any) -> Any:
    modules = nn.ModuleDict({"first": nn.Linear(2, 3), "act": nn.ReLU()})
    modules["last"] = nn.Linear(3, 1)
    modules.update({"act": nn.Tanh()})
    modules.update([("more", nn.Identity())])
    assert modules.pop("more").__class__.__name__ == "Identity"
    modules["gone"] = nn.Linear(1, 1)
    del modules["gone"]
    return modules


def test_modules_by_name(torch):
    ours, theirs = named(nn), named(torch.nn)
    assert shown(ours) == shown(theirs)
    assert repr(ours) == repr(theirs)
    assert list(ours) == list(ours.keys()) == list(theirs.keys())
    assert [type(m).__name__ for m in ours.values()] == ["Linear", "Tanh", "Linear"]
    assert "act" in ours
    assert "gone" not in ours
    ours.clear()
    assert len(ours) == 0
    with pytest.raises(KeyError):
        ours["act"]
    for wrong in (lambda: ours.update({"a": "relu"}), lambda: ours.update({"keys": nn.ReLU()})):
        with pytest.raises(OptionError):
            wrong()


# --- parameters ---------------------------------------------------------------------------------


def listed(nn: Any, ones: Any) -> Any:
    parameters = nn.ParameterList([nn.Parameter(ones(2)), ones(3)])
    parameters.append(ones(1, 4))
    parameters += [nn.Parameter(ones(5)), ones(6)]
    parameters[1] = ones(7)
    return parameters


def test_parameters_in_a_list(torch):
    ours, theirs = listed(nn, ones), listed(torch.nn, torch.ones)
    assert shown(ours) == shown(theirs)
    assert [tuple(p.shape) for p in ours[1:3]] == [tuple(p.shape) for p in theirs[1:3]]
    assert ours[-1].requires_grad
    assert repr(ours).count("Parameter containing: [float32 of size") == 5
    with pytest.raises(IndexError):
        ours[5]
    with pytest.raises(OptionError, match="takes a list"):
        ours.extend(ones(3))


def by_name(nn: Any, ones: Any) -> Any:
    parameters = nn.ParameterDict({"left": nn.Parameter(ones(2)), "right": ones(3)})
    parameters["middle"] = ones(1, 4)
    parameters["plain"] = "no tensor"
    parameters |= {"right": ones(5)}
    parameters.setdefault("left", ones(9))
    parameters.setdefault("new", ones(6))
    assert parameters.pop("middle").shape == (1, 4)
    assert parameters.get("nothing") is None
    assert parameters.popitem()[0] == "new"
    return parameters


def test_parameters_by_name(torch):
    ours, theirs = by_name(nn, ones), by_name(torch.nn, torch.ones)
    assert shown(ours) == shown(theirs)
    assert list(ours) == list(theirs)
    assert list(reversed(ours)) == list(reversed(theirs))
    assert [*ours.keys()] == [*theirs.keys()]
    assert ours["plain"] == "no tensor"
    assert ours.copy()["left"] is ours["left"]
    assert "Object of type: str" in repr(ours)
    del ours["left"]
    assert "left" not in ours
    ours.clear()
    assert not list(ours.parameters())
    with pytest.raises(KeyError):
        ours["left"]


def test_a_place_of_a_list_may_be_empty():
    row = nn.ModuleList([nn.Linear(2, 2), None])
    row.append(None)
    assert len(row) == 3
    assert [m is None for m in row] == [False, True, True]
    assert list(row.state_dict()) == ["0.weight", "0.bias"]
    assert repr(row[1:]) == "ModuleList(\n  (0-1): 2 x None\n)"
    row[1] = nn.Identity()
    assert isinstance(row[1], nn.Identity)
    with pytest.raises(OptionError, match="Sequential takes modules, got NoneType"):
        nn.Sequential(None)
