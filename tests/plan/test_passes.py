"""What each pass leaves out or finds, that nothing else changes, what groups and memory mean."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.plan.changes import is_constant
from chainrule.plan.check import check, check_allocation
from chainrule.plan.passes import PASSES, simplified
from chainrule.plan.passes.common import without_repetition
from chainrule.plan.passes.constants import with_constants_folded
from chainrule.plan.passes.dead import without_dead_code
from chainrule.plan.passes.fuse import fuse, steps
from chainrule.plan.passes.identities import without_identities
from chainrule.plan.passes.memory import Step, allocate, most_alive
from chainrule.plan.passes.views import View, views
from chainrule.plan.program import Value
from chainrule.plan.record import record
from chainrule.plan.replay import Replay
from plan.groups import Literally, each_in_one_group
from plan.test_replay import ROWS, bits, by_name, on_arrays
from plan.workloads import WORKLOADS, begun

every_workload = pytest.mark.parametrize("name", WORKLOADS)


def program_of(function, *arrays):
    return record(function, [np.asarray(a) for a in arrays])[1]


def names(program):
    return [instruction.op.name for instruction in program]


X = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]])


# --- every pass, on everything ------------------------------------------------------------------


@every_workload
def test_no_pass_changes_a_bit(name):
    eager = begun(name)
    eager.run(*eager.batch)
    expected = [bits([eager.run(*eager.batch)]) for _ in range(3)]
    for count in range(len(PASSES) + 1):
        step = begun(name)
        program = check(record(step.run, step.batch)[1])
        for improve in PASSES[:count]:
            program = check(improve(program), program)
        replay = Replay(program)
        assert [bits(replay(*step.batch)) for _ in range(3)] == expected


@by_name(ROWS)
def test_passes_and_groups_keep_every_op(case):
    function, arrays = on_arrays(case, np.float64)
    original = check(record(function, arrays)[1])
    program = check(simplified(original), original)
    assert each_in_one_group(program, fuse(program))
    for found, expected in zip(Literally(program)(*arrays), function(*arrays)):
        # The incomplete gamma function sums up hundreds of terms, each with its own rounding.
        near = 1e-12 if case.op.startswith("gammainc") else 1e-13
        np.testing.assert_allclose(found, expected, rtol=near, atol=near)


@every_workload
def test_groups_do_what_the_program_does(name):
    eager = begun(name)
    eager.run(*eager.batch)
    expected = [eager.run(*eager.batch) for _ in range(3)]
    step = begun(name)
    program = simplified(record(step.run, step.batch)[1])
    literally = Literally(program)
    assert each_in_one_group(program, literally.groups)
    found = [literally(*step.batch)[0] for _ in range(3)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for a, b in zip(step.memory(), eager.memory()):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


# --- dead code ----------------------------------------------------------------------------------


def test_what_nobody_reads_is_left_out():
    program = program_of(lambda x: (ops.exp(x), ops.add(x, 1.0))[1], X)
    assert names(without_dead_code(program)) == ["add"]


def test_effects_stay():
    state, count = ops.new_state(0), np.zeros(())

    def step(x):
        ops.random_uniform(state, shape=(2,))
        ops.increment(count)
        return x

    assert names(without_dead_code(program_of(step, X))) == ["random_uniform", "increment"]


def test_checks_stay():
    def step(x):
        ops.core.checked(lambda numbers: None, ops.exp(x))
        return x

    assert names(without_dead_code(program_of(step, X))) == ["exp", "check"]


# --- constants ----------------------------------------------------------------------------------


def frozen(array):
    array.flags.writeable = False
    return array


def test_what_comes_of_constants_is_computed_once():
    constant = frozen(np.arange(3.0))
    program = program_of(lambda x: ops.add(x, ops.exp(ops.reshape(constant, shape=(1, 3)))), X)
    folded = without_dead_code(with_constants_folded(program))
    assert names(folded) == ["add"]
    (state,) = folded.state
    np.testing.assert_array_equal(state.array, np.exp([[0.0, 1.0, 2.0]]))
    assert is_constant(state)


def test_states_that_anybody_may_change_are_not_constants():
    rate = np.array(0.5)
    program = program_of(lambda x: ops.mul(x, ops.exp(rate)), X)
    replay = Replay(with_constants_folded(program))
    rate[...] = 0.0
    np.testing.assert_array_equal(replay(X)[0], X)


def test_a_view_of_what_can_be_written_to_is_no_constant():
    held = np.ones(3)
    assert not is_constant(Value("s", (3,), held.dtype, "state", frozen(held[:])))


def test_one_number_throughout_becomes_a_number():
    seed = frozen(np.full((), 2.0))
    program = program_of(lambda x: ops.mul(ops.broadcast_to(seed, shape=x.shape), x), X)
    (instruction,) = simplified(program)
    assert instruction.args == (2.0, program.inputs[0])


def test_a_number_does_not_change_the_dtype():
    wide = frozen(np.full((), 2.0))
    x = X.astype(np.float32)
    program = program_of(lambda x: ops.mul(wide, x), x)
    assert bits(Replay(simplified(program))(x)) == bits([x * wide])


# --- identities ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "same",
    [
        lambda x: ops.mul(x, 1),
        lambda x: ops.mul(1.0, x),
        lambda x: ops.div(x, 1),
        lambda x: ops.sub(x, 0.0),
        lambda x: ops.pow(x, 1),
        lambda x: ops.neg(ops.neg(x)),
        lambda x: ops.clone(x),
        lambda x: ops.reshape(x, shape=(2, 3)),
        lambda x: ops.permute(x, dims=(0, 1)),
        lambda x: ops.permute(ops.permute(x, dims=(0, 1)), dims=(-2, -1)),
    ],
)
def test_what_gives_back_its_argument_is_left_out(same):
    odd = np.array([[-0.0, 0.0, np.inf], [-np.inf, 1e-310, 3.0]])
    program = program_of(lambda x: ops.exp(same(x)), odd)
    assert names(simplified(program)) == ["exp"]
    seen = program_of(lambda x: ops.reshape(same(x), shape=(6,)), odd)
    assert bits(Replay(simplified(seen))(odd)) == bits([odd.reshape(6)])


@pytest.mark.parametrize(
    "other",
    [
        lambda x: ops.add(x, 0.0),  # of -0 makes 0
        lambda x: ops.sub(x, -0.0),
        lambda x: ops.sub(0.0, x),
        lambda x: ops.div(1.0, x),
        lambda x: ops.permute(x, dims=(1, 0)),
        lambda x: ops.cast(x, dtype=np.float32),
    ],
)
def test_what_does_not_stays(other):
    program = program_of(lambda x: ops.sum(other(x), dim=0), X)
    assert len(without_identities(program)) == 2


def test_a_copy_of_what_changes_later_is_a_copy():
    state = np.ones(3)

    def step():
        before = ops.clone(state)
        ops.increment(state)
        return ops.mul(before, 2.0)

    program = program_of(step)
    assert "clone" in names(simplified(program))
    assert Replay(simplified(program))()[0].tolist() == [4.0] * 3


def test_an_output_is_no_other_memory_than_before():
    state = np.ones(3)
    replay = Replay(simplified(program_of(lambda: ops.clone(state))))
    for _ in range(2):
        assert not np.shares_memory(replay()[0], state)


# --- common sub-expressions ---------------------------------------------------------------------


def test_what_is_the_same_is_computed_once():
    program = program_of(lambda x: ops.sub(ops.add(x, 1.0), ops.mul(ops.add(1.0, x), 2.0)), X)
    assert names(without_repetition(program)) == ["add", "mul", "sub"]


def test_numbers_and_attributes_make_a_difference():
    program = program_of(
        lambda x: (
            *(ops.mul(x, 0.0), ops.mul(x, -0.0), ops.mul(x, 0)),
            *(ops.sum(x, dim=0), ops.sum(x, dim=1), ops.sub(x, 1.0), ops.sub(1.0, x)),
        ),
        X,
    )
    assert len(without_repetition(program)) == 7


def test_what_was_changed_in_between_is_read_again():
    state = np.zeros(3)

    def step():
        before = ops.exp(state)
        ops.increment(ops.slice(state, key=(slice(1),)))
        return ops.sub(ops.exp(state), before)

    program = check(without_repetition(program_of(step)))
    assert names(program).count("exp") == 2
    assert Replay(program)()[0].tolist() == [np.exp(2.0) - np.exp(1.0), 0.0, 0.0]


def test_draws_are_never_the_same():
    state = ops.new_state(0)
    program = program_of(
        lambda: (ops.random_uniform(state, shape=(2,)), ops.random_uniform(state, shape=(2,)))
    )
    assert len(without_repetition(program)) == 2


# --- views --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (lambda x: ops.permute(x, dims=(1, 0)), (0, (1, 3))),
        (lambda x: ops.reshape(x, shape=(3, 2)), (0, (2, 1))),
        (lambda x: ops.slice(x, key=(1, slice(None, None, 2))), (3, (2,))),
        (lambda x: ops.flip(x, dim=1), (2, (3, -1))),
        (lambda x: ops.broadcast_to(x, shape=(4, 2, 3)), (0, (0, 3, 1))),
        (lambda x: ops.flip(ops.slice(x, key=(slice(1, 2),)), dim=1), (5, (3, -1))),
        (lambda x: ops.reshape(ops.permute(x, dims=(1, 0)), shape=(6,)), None),
    ],
    ids=["permute", "reshape", "slice", "flip", "broadcast", "both", "copy"],
)
def test_views_are_steps_through_their_base(look, expected):
    program = program_of(look, X)
    out = program.outputs[0]
    view = views(program)[out]
    if expected is None:
        assert view == View(out, 0, (6,), (1,))
    else:
        assert (view.base, view.offset, view.strides) == (program.inputs[0], *expected)


def test_a_state_lies_as_its_array_does():
    state = np.arange(6.0).reshape(2, 3).T
    program = program_of(lambda: ops.slice(state, key=(1,)))
    view = views(program)[program.outputs[0]]
    assert (view.offset, view.strides) == (1, (3,))


# --- groups -------------------------------------------------------------------------------------


def groups_of(function, *arrays):
    return fuse(simplified(program_of(function, *arrays)))


def told(groups):
    """The groups as words."""
    return [[m.instruction.op.name for m in (*g.members, *g.finish)] for g in groups]


def test_softmax_with_cross_entropy_and_its_gradient_is_one_group():
    (group,) = groups_of(
        lambda x: ops.mul(ops.softmax(ops.log_softmax(x, dim=-1), dim=-1), 2.0), np.ones((4, 5))
    )
    assert group.kind == "loop"
    assert not group.finish
    assert len(group.outputs) == 1


def test_a_product_takes_what_follows_along():
    def layer(x, w, b, g):
        return ops.sum(ops.mul(ops.relu(ops.linear(x, w, b)), g), dim=0)

    (group,) = groups_of(layer, np.ones((4, 3)), np.ones((5, 3)), np.ones(5), np.ones((4, 5)))
    assert group.kind == "product"
    assert told([group]) == [["linear", "relu", "mul", "sum"]]
    assert group.members[-1].reduced == (0,)
    assert [v.name for v in group.outputs] == ["v3"]


def test_an_update_stands_with_the_gradient_that_it_consumes():
    w, step = np.ones((3, 5)), np.zeros(())

    def train(x, g):
        slope = ops.matrix_product(ops.permute(x, dims=(1, 0)), g)
        ops.increment(step)
        return ops.sgd_step(w, slope, np.zeros(0), 0.1)

    (group,) = groups_of(train, np.ones((4, 3)), np.ones((4, 5)))[:1]
    assert told([group]) == [["matrix_product", "sgd_step"]]


def test_what_is_still_being_summed_up_is_not_read_in_the_loop():
    groups = groups_of(lambda x: ops.sub(x, ops.mean(x, dim=0)), X)
    assert told(groups) == [["mean"], ["sub"]]


def test_a_sum_over_rows_is_finished_after_them():
    groups = groups_of(lambda x: ops.sqrt(ops.sum(ops.square(x), dim=0)), X)
    (group,) = groups
    assert [m.instruction.op.name for m in group.finish] == ["sqrt"]
    assert group.finish[0].space == (1, 3)


def test_nothing_is_read_elsewhere_than_where_it_is_made():
    groups = groups_of(
        lambda x: ops.add(ops.exp(x), ops.permute(ops.exp(x), dims=(1, 0))), X[:, :2]
    )
    assert told(groups) == [["exp"], ["add"]]


def test_an_update_in_the_loops_is_made_once_at_each_index():
    s = np.zeros(3)
    groups = groups_of(lambda x: (ops.increment(s), ops.add(x, s))[1], X)
    assert told(groups) == [["increment"], ["add"]]


def test_groups_do_not_wait_for_each_other():
    def ring(x, w):
        a = ops.exp(x)
        b = ops.matrix_product(a, w)
        return ops.mul(a, b)

    groups = groups_of(ring, np.ones((2, 2)), np.ones((2, 2)))
    assert told(groups) == [["exp"], ["matrix_product", "mul"]]


def test_a_parameter_is_updated_after_everyone_has_read_it():
    w = np.ones((2, 2))

    def step(x):
        g = ops.matrix_product(x, w)
        back = ops.matrix_product(g, w)
        ops.assign(w, g)
        return back

    groups = groups_of(step, np.ones((2, 2)))
    order = [name for group in told(groups) for name in group]
    assert order.index("assign") == 2


def test_a_factor_is_not_changed_by_the_epilogue_of_its_product():
    w = np.ones((2, 2))
    groups = groups_of(lambda x: ops.assign(w, ops.matrix_product(x, w)), np.ones((2, 2)))
    assert told(groups) == [["matrix_product"], ["assign"]]


def test_what_is_not_taken_stands_alone():
    program = simplified(program_of(lambda x: ops.exp(ops.tanh(ops.square(x))), X))
    groups = fuse(program, lambda instruction: instruction.op.name != "tanh")
    assert [g.kind for g in groups] == ["loop", "alone", "loop"]


def test_groups_print_themselves():
    (group,) = groups_of(lambda x: ops.sqrt(ops.sum(ops.square(x), dim=0)), X)
    assert str(group).splitlines() == [
        "loop over (2, 3)",
        "  v0[3, 1] = square(x0[3, 1])",
        "  v1[0, 1] = sum(v0[3, 1])",
        "  then v2[0, 1] = sqrt(v1[0, 1])",
    ]


# --- memory -------------------------------------------------------------------------------------


def made(name, size):
    return Value(name, (size,), np.dtype(np.uint8), "made")


A, B, C, D = (made(name, size) for name, size in zip("abcd", (640, 640, 64, 1000)))


def test_memory_is_used_again():
    plan = [Step((A,), ()), Step((C,), (A,)), Step((B,), (C,))]
    allocation = check_allocation(plan, allocate(plan, [B]), [B])
    assert allocation.size == 640 + 64
    assert allocation.offsets[A] == allocation.offsets[B]


def test_a_result_may_lie_where_an_operand_dies():
    plan = [Step((A,), ()), Step((B,), (A,), (A,))]
    assert check_allocation(plan, allocate(plan, [B]), [B]).size == 640
    plan.append(Step((C,), (A,)))
    assert check_allocation(plan, allocate(plan, [B]), [B]).size == 2 * 640 + 64


def test_a_group_writes_over_what_it_has_read_for_the_last_time():
    def of(function):
        (_, after) = steps(groups_of(lambda x: function(ops.cumsum(x, dim=0)), X))
        return [v.name for v in after.over]

    assert of(lambda v: ops.mul(ops.tanh(v), v)) == ["v0"]
    assert of(lambda v: [y := ops.tanh(v), ops.mul(y, v)]) == []
    assert of(lambda v: ops.add(v, ops.slice(v, key=(slice(None, None, -1),)))) == []
    assert of(lambda v: ops.sum(v, dim=0)) == []


def test_what_is_changed_in_place_lives_on():
    plan = [Step((A,), ()), Step((A,), ()), Step((B,), ()), Step((), (A, B))]
    assert check_allocation(plan, allocate(plan), ()).size == 2 * 640


def test_what_nobody_reads_needs_its_place_only_while_it_is_made():
    plan = [Step((A,), ()), Step((B,), ())]
    assert check_allocation(plan, allocate(plan), ()).size == 640


@every_workload
def test_the_arena_is_hardly_larger_than_what_lives_at_once(name):
    step = begun(name)
    program = simplified(record(step.run, step.batch)[1])
    seen = views(program)
    plan = steps(fuse(program))
    kept = [seen[v].base for v in program.outputs]
    allocation = check_allocation(plan, allocate(plan, kept), kept)
    assert allocation.size <= 1.1 * most_alive(plan, kept)


def test_an_allocation_prints_itself():
    plan = [Step((A,), ()), Step((C,), (A,))]
    assert str(allocate(plan)).splitlines() == [
        "arena of 704 bytes",
        "         0 to 640      a: uint8[640]",
        "       640 to 704      c: uint8[64]",
    ]
