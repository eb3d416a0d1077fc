"""Faults planted in programs and allocations: the checker finds each, and names where it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chainrule import ops
from chainrule.plan.check import ProgramError, check, check_allocation
from chainrule.plan.passes.memory import Allocation, Step
from chainrule.plan.program import Program, Value
from chainrule.plan.record import record
from plan.workloads import WORKLOADS, begun


def recorded(name="digits"):
    step = begun(name)
    return record(step.run, step.batch)[1]


def place(program, name):
    """The number of the first instruction with that op."""
    return next(k for k, i in enumerate(program) if i.op.name == name)


def changed(program, k, **fields):
    """The program with another instruction number k."""
    instructions = list(program)
    instructions[k] = replace(instructions[k], **fields)
    return replace(program, instructions=instructions)


def moved(program, k, to):
    """The program with instruction number k at another place."""
    instructions = list(program)
    instructions.insert(to, instructions.pop(k))
    return replace(program, instructions=instructions)


def like(value, **fields):
    return replace(value, **fields)


@pytest.mark.parametrize("name", WORKLOADS)
def test_what_was_recorded_is_right(name):
    program = recorded(name)
    assert check(program, program) is program


def test_a_value_used_before_it_is_defined():
    program = recorded()
    k = place(program, "relu")
    with pytest.raises(ProgramError, match=r"v\d+ is used before it is defined, in .*relu\("):
        check(moved(program, k, k - 1))


def test_an_output_that_is_not_there():
    program = recorded()
    with pytest.raises(ProgramError, match="the output y is never defined"):
        check(replace(program, outputs=[like(program.outputs[0], name="y")]))


def test_a_value_defined_twice():
    program = recorded()
    instructions = [*program, program.instructions[0]]
    with pytest.raises(ProgramError, match="is defined a second time"):
        check(replace(program, instructions=instructions))


def test_two_values_of_one_name():
    program = recorded()
    k = place(program, "relu")
    name = program.inputs[0].name
    out = like(program.instructions[k].out, name=name)
    with pytest.raises(ProgramError, match=f"two values have the name {name}"):
        check(changed(program, k, out=out))


def test_a_wrong_shape():
    program = recorded()
    k = place(program, "linear")
    out = like(program.instructions[k].out, shape=(64, 33))
    with pytest.raises(
        ProgramError, match=r"gives the shape \(64, 32\), not \(64, 33\), in .*linear"
    ):
        check(changed(program, k, out=out))


def test_operands_that_do_not_go_together():
    program = recorded()
    k = place(program, "matrix_product")
    args = program.instructions[k].args[::-1]
    with pytest.raises(ProgramError, match=r"matmul of .*, in .*matrix_product"):
        check(changed(program, k, args=args))


@pytest.mark.parametrize(
    "name", ["relu", "linear", "sum_to", "peak", "take_along", "reshape", "gt"]
)
def test_a_wrong_dtype(name):
    program = recorded()
    k = place(program, name)
    out = like(program.instructions[k].out, dtype=np.dtype(np.complex64))
    with pytest.raises(ProgramError, match="not complex64"):
        check(changed(program, k, out=out))


def test_an_update_that_gives_something_else():
    program = recorded()
    k = place(program, "adam_step")
    out = Value("other", program.instructions[k].out.shape, np.dtype(np.float32), "made")
    with pytest.raises(ProgramError, match="an update gives what it changes, not other"):
        check(changed(program, k, out=out))


def test_a_state_that_an_ordinary_op_writes():
    program = recorded()
    k = place(program, "relu")
    out = like(program.instructions[k].out, origin="state", name="s")
    with pytest.raises(ProgramError, match="s is of origin 'state'"):
        check(changed(program, k, out=out))


def test_a_constant_that_is_changed():
    array = np.zeros(3)
    array.flags.writeable = False
    constant = Value("c", (3,), array.dtype, "state", array)
    program = record(lambda: ops.increment(np.zeros(3)), [])[1]
    (instruction,) = program
    instruction = replace(instruction, args=(constant,), out=constant)
    with pytest.raises(ProgramError, match="the constant c is changed"):
        check(Program([], [constant], [instruction], []))


# --- against what a pass was given --------------------------------------------------------------


def test_a_read_moved_past_a_change():
    w = np.ones(3)

    def step(x):
        y = ops.mul(x, w)
        ops.increment(w)
        return y

    program = record(step, [np.ones(3)])[1]
    check(moved(program, 0, 1))  # by itself a program like any other
    with pytest.raises(ProgramError, match="s0 is read after it is changed"):
        check(moved(program, 0, 1), program)


def test_a_read_moved_before_a_change_of_a_part():
    w = np.ones(3)

    def step(x):
        ops.increment(ops.slice(w, key=(slice(1),)))
        return ops.mul(x, w)

    program = record(step, [np.ones(3)])[1]
    with pytest.raises(ProgramError, match="s0 is read before it is changed"):
        check(moved(program, 2, 0), program)


@pytest.mark.parametrize("name", ["increment", "adam_step", "random_mask"])
def test_an_effect_left_out(name):
    program = recorded()
    k = place(program, name)
    kept = [i for i in program if i is not program.instructions[k]]
    with pytest.raises(ProgramError):
        check(replace(program, instructions=kept), program)


# --- allocations --------------------------------------------------------------------------------


def made(name):
    return Value(name, (64,), np.dtype(np.uint8), "made")


A, B, C = map(made, "abc")
PLAN = [Step((A,), ()), Step((B,), (A,)), Step((C,), (A, B))]


def test_a_value_read_where_another_was_written():
    with pytest.raises(ProgramError, match=r"step 1 writes b over \['a'\], which it reads"):
        check_allocation(PLAN, Allocation(192, {A: 0, B: 0, C: 128}))
    plan = [Step((A,), ()), Step((B,), ()), Step((C,), (A, B))]
    with pytest.raises(ProgramError, match="step 2 reads a, which has been overwritten"):
        check_allocation(plan, Allocation(192, {A: 0, B: 0, C: 128}))


def test_an_output_that_is_overwritten():
    plan = [Step((A,), ()), Step((B,), ())]
    with pytest.raises(ProgramError, match="the output a has been overwritten"):
        check_allocation(plan, Allocation(64, {A: 0, B: 0}), [A])


@pytest.mark.parametrize("offset", [32, 64])
def test_a_place_that_is_none(offset):
    with pytest.raises(ProgramError, match=f"a lies at {offset} of 64 bytes"):
        check_allocation([Step((A,), ())], Allocation(64, {A: offset}))
