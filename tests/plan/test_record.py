"""What a recorder makes of a run, and what it says of two runs that are not alike."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from chainrule import ops
from chainrule.autograd import from_numpy
from chainrule.errors import CaptureError
from chainrule.ops.core import checked, constant
from chainrule.plan.check import check
from chainrule.plan.compare import compare, equal
from chainrule.plan.record import Recorder, record


def names(program):
    return [i.op.name for i in program]


def ran(function, *inputs):
    """The program of a run, checked, and its results."""
    results, program = record(function, inputs)
    return check(program), results


def carried_out(program, *inputs):
    """The program by its ops' forwards in order: nothing could be plainer."""
    found = {v: v.array for v in program.state}
    found.update(zip(program.inputs, inputs, strict=True))
    for i in program:
        args = [found.get(a) if a in program.inputs or hasattr(a, "origin") else a for a in i.args]
        found[i.out] = np.asarray(i.op.forward(*args, **i.attrs))
    return [found[v] for v in program.outputs]


# --- what is what -------------------------------------------------------------------------------


def test_inputs_state_numbers_and_results():
    w = np.array([1.0, 2.0])

    def function(x):
        return ops.add(ops.mul(x, w), 3)

    program, (result,) = ran(function, np.array([5.0, 7.0]))
    assert str(program).splitlines() == [
        "input x0: float64[2]",
        "state s0: float64[2]",
        *(str(i) for i in program),
        "return v1",
    ]
    assert str(program.instructions[0]).startswith("v0: float64[2] = mul(x0, s0)")
    assert str(program.instructions[1]).startswith("v1: float64[2] = add(v0, 3)")
    np.testing.assert_array_equal(result, [8.0, 17.0])
    w[:] = 10.0  # the state is the array itself
    np.testing.assert_array_equal(carried_out(program, np.array([1.0, 1.0]))[0], [13.0, 13.0])


def test_every_instruction_has_the_line_of_the_person():
    line = test_every_instruction_has_the_line_of_the_person.__code__.co_firstlineno + 4

    def function(x):
        y = ops.softmax(x, 0)
        return ops.neg(y)

    program, _ = ran(function, np.ones(3))
    assert {i.place.line for i in program} == {line, line + 1}
    assert {str(i.place) for i in program} == {f"test_record.py:{line + i}" for i in range(2)}


def test_one_array_given_twice_is_two_inputs():
    x = np.ones(2)
    program, _ = ran(ops.sub, x, x)
    assert [v.name for v in program.instructions[0].args] == ["x0", "x1"]


def test_an_input_that_is_state_too():
    x = np.ones(2)
    program, _ = ran(lambda a: ops.sub(a, x), x)
    assert [v.origin for v in program.instructions[0].args] == ["input", "state"]


def test_state_is_the_same_however_it_is_looked_at():
    table = np.arange(6.0).reshape(2, 3)
    program, _ = ran(lambda x: ops.add(ops.mul(x, table[0]), table[0]), np.ones(3))
    assert len(program.state) == 1


def test_views_know_what_they_are_views_of():
    def function(x):
        y = ops.exp(x)
        return ops.permute(ops.reshape(y, shape=(2, 3)), dims=(1, 0))

    program, _ = ran(function, np.ones(6))
    y, seen, turned = (i.out for i in program)
    assert y.base is None
    assert seen.base is y
    assert turned.base is seen


def test_a_view_that_had_to_copy_is_none():
    program, _ = ran(
        lambda x: ops.reshape(ops.permute(x, dims=(1, 0)), shape=(6,)), np.ones((2, 3))
    )
    assert program.instructions[1].out.base is None


def test_what_gives_back_its_argument_is_no_instruction():
    program, _ = ran(lambda x: ops.neg(ops.cast(x, dtype=x.dtype)), np.ones(2))
    assert names(program) == ["neg"]


def test_updates_give_the_value_that_they_change():
    w = np.array([1.0, 2.0])
    program, _ = ran(lambda x: ops.add(ops.assign(w, x), 1.0), np.array([5.0, 6.0]))
    change, after = program.instructions
    assert change.out is change.args[0] is after.args[0]
    assert change.out.array is w


def test_draws_go_on_from_the_state_of_their_generator():
    state = ops.new_state(0)
    program, _ = ran(lambda x: ops.add(x, ops.random_uniform(state, shape=(2,))), np.ones(2))
    assert program.instructions[0].args[0].array is state


def test_results_of_numbers_are_told_apart():
    # What compares two numbers is np.True_, of which there is but one.
    def function(x, y):
        a, b = ops.gt(ops.sum(x), 0), ops.gt(ops.sum(y), 0)
        return ops.where(a, 1.0, 0.0), ops.where(b, 1.0, 0.0)

    program, _ = ran(function, np.ones(2), np.ones(2))
    found = carried_out(program, np.array([-1.0, 0.0]), np.ones(2))
    assert [float(v) for v in found] == [0.0, 1.0]


def test_constants_are_state_that_is_read_only():
    held = []

    def function(x):
        held.append(constant(np.arange(2.0)))
        return ops.add(x, held[-1])

    program, _ = ran(function, np.ones(2))
    (c,) = program.state
    held[-1][:] = 9.0
    assert c.array.tolist() == [0.0, 1.0]
    assert not c.array.flags.writeable


def test_constants_that_are_changed_begin_anew_in_every_run():
    def function(x):
        h = constant(np.zeros(2))
        ops.assign(ops.slice(h, key=(slice(1),)), x)
        return ops.add(h, 1.0)

    program, (result,) = ran(function, np.array([5.0]))
    assert names(program) == ["clone", "slice", "assign", "add"]
    assert result.tolist() == [6.0, 1.0]
    for _ in range(2):
        assert carried_out(program, np.array([7.0]))[0].tolist() == [8.0, 1.0]


def test_a_number_of_numpy_is_a_constant():
    program, _ = ran(lambda x: ops.mul(x, np.float32(2.0)), np.ones(2, np.float32))
    assert program.state[0].name == "c0"


def test_other_threads_are_not_recorded():
    def function(x):
        other = threading.Thread(target=lambda: ops.exp(np.ones(2)))
        other.start()
        other.join()
        return ops.neg(x)

    program, _ = ran(function, np.ones(2))
    assert names(program) == ["neg"]


def test_checks_of_inputs_are_notes_and_of_results_instructions():
    def positive(x):
        if (x <= 0).any():
            raise ValueError("not positive")

    def function(x):
        checked(positive, x)
        y = ops.add(x, 1.0)
        checked(positive, y)
        return ops.log(y)

    program, _ = ran(function, np.ones(2))
    ((noted, value),) = program.notes["checks"]
    assert noted is positive
    assert value is program.inputs[0]
    assert names(program) == ["add", "check", "log"]
    with pytest.raises(ValueError, match="not positive"):
        carried_out(program, np.array([-3.0, 1.0]))


def test_arrays_kept_by_somebody_are_noticed():
    kept = []

    def function(x):
        y = ops.exp(x)
        kept.append(ops.reshape(y, shape=(2, 1)))
        return ops.neg(y)

    recorder = Recorder([np.ones(2)])
    with recorder.running():
        result = function(*recorder.inputs)
    program = recorder.program([result])
    assert "exp at test_record.py:" in str(recorder.left(program))


def test_results_may_be_kept():
    recorder = Recorder([np.ones(2)])
    with recorder.running():
        result = ops.exp(recorder.inputs[0])
        seen = ops.reshape(result, shape=(2, 1))
    assert recorder.left(recorder.program([result, seen])) is None


def test_changing_an_input_is_refused():
    with pytest.raises(CaptureError, match=r"assign at test_record\.py:\d+ changes an argument"):
        record(lambda x: ops.assign(ops.reshape(x, shape=(2, 1)), 0.0), [np.ones(2)])


def test_numbers_of_constants_may_be_read():
    def function(x):
        sizes = from_numpy(constant(np.array([2, 1])))
        return ops.mul(x, sum(sizes.tolist()))

    program, (result,) = ran(function, np.ones(2))
    assert names(program) == ["mul"]
    np.testing.assert_array_equal(result, [3.0, 3.0])


def test_numbers_of_constants_that_were_changed_may_not():
    def function(x):
        sizes = from_numpy(constant(np.array([2.0, 1.0])))
        ops.assign(sizes.array, x)
        return ops.mul(x, sum(sizes.tolist()))

    with pytest.raises(CaptureError, match="reads numbers out of a tensor"):
        record(function, [np.ones(2)])


# --- two runs -----------------------------------------------------------------------------------


def programs(function, *inputs, runs=2):
    return [record(function, inputs)[1] for _ in range(runs)]


def test_equal_runs_are_equal():
    w, state = np.ones(3), ops.new_state(0)

    def function(x):
        noise = ops.random_normal(state, shape=(3,))
        y = ops.add(ops.mul(x, w), ops.mul(noise, constant(np.full(3, np.nan))))
        return ops.assign(w, ops.clip(y, -1.0, float("inf"))), ops.sum(y, dim=0)

    compare(*programs(function, np.ones(3)))


def differing(*runs):
    """A function that does another thing at each call."""
    following = iter(runs)
    return lambda x: next(following)(x)


DIFFERENT = {
    "number": (lambda x: ops.add(x, 1.0), lambda x: ops.add(x, 2.0), r"had 1\.0 .* and 2\.0"),
    "kind of number": (lambda x: ops.add(x, 1), lambda x: ops.add(x, 1.0), r"had 1 .* and 1\.0"),
    "attribute": (
        lambda x: ops.sum(x, dim=0),
        lambda x: ops.sum(x, dim=-1),
        "had dim=0 in one run and dim=-1",
    ),
    "operation": (ops.exp, ops.log, "did exp at .* and log at .*a branch"),
    "length": (ops.exp, lambda x: ops.log(ops.exp(x)), "did nothing more .* and log"),
    "shape": (
        lambda x: ops.add(x, constant(np.ones((1, 2)))),
        lambda x: ops.add(x, constant(np.ones((2, 1)))),
        r"had an array of float64\[1, 2\] .* and an array of float64\[2, 1\]",
    ),
    "dtype": (
        lambda x: ops.add(x, constant(np.ones(2))),
        lambda x: ops.add(x, constant(np.ones(2, int))),
        r"float64\[2\] .* int64\[2\]",
    ),
    "constant": (
        lambda x: ops.add(x, constant(np.ones(2))),
        lambda x: ops.add(x, constant(np.zeros(2))),
        "other numbers in one run than in the next.*keep it in a tensor",
    ),
    "array": (
        lambda x: ops.add(x, np.ones(2)),
        lambda x: ops.add(x, np.ones(2)),
        r"array of float64\[2\], used in add at .* is made anew in each run",
    ),
    "array or number": (
        lambda x: ops.add(x, x),
        lambda x: ops.add(x, 1.0),
        "had an array in one run and a number",
    ),
    "operands": (
        lambda x: ops.sub(ops.exp(x), x),
        lambda x: ops.sub(x, ops.exp(x)),
        "had other operands",
    ),
    "result": (
        lambda x: (ops.exp(x), ops.neg(x))[0],
        lambda x: (ops.exp(x), ops.neg(x))[1],
        "what the step returns had other operands",
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_differences_are_told(name):
    one, other, sentence = DIFFERENT[name]
    first, second = programs(differing(one, other), np.ones(2))
    with pytest.raises(CaptureError, match=sentence):
        compare(first, second)


def test_results_made_by_numpy_are_made_anew():
    first, second = programs(lambda x: np.exp(x), np.ones(2))
    with pytest.raises(CaptureError, match="used in what the step returns, is made anew"):
        compare(first, second)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (1, True, False),
        (0.0, 0, False),
        ((1, 2), [1, 2], False),
        ({"a": [1]}, {"a": [1]}, True),
        ({"a": 1}, {"b": 1}, False),
        (slice(1, 2), slice(1, 2), True),
        (np.ones(2), np.ones(2), True),
        (np.ones(2), np.ones(2, np.float32), False),
        (np.dtype("f4"), np.dtype("f4"), True),
        (None, None, True),
    ],
)
def test_equality_of_attributes(a, b, same):
    assert equal(a, b) is same
