"""Recurrent units in machine code: all steps there, and the walk back (floor 2).

The formulas are those of `ops.steps`. At each step the gates of a few sequences come from one
product, whose result is still near when they are opened; what is carried on stays near until the
next step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from chainrule.plan.formulas.elementwise import apply
from chainrule.plan.formulas.maths import sigmoid, tanh
from chainrule.plan.native.kernels.recurrence.sequences import (
    Given,
    Held,
    Unit,
    dtype_of,
    packed,
    through,
)
from chainrule.plan.native.llvm.ir import INDEX, Number, Register
from chainrule.plan.native.llvm.vectors import when
from chainrule.plan.native.site import Site

__all__ = ["RECURRENT"]


def rest(x: Register) -> Register:
    """1 - x."""
    return x.writer.number(1, x.dtype) - x


def bring(unit: Unit, given: Given, held: Held, row: Number, live: Number, lead: int = 0) -> None:
    """Write the copy of rows of an operand, from `row` on, into what the unit keeps."""

    def line(r: Register) -> Callable[[Register], None]:
        source, target = given.row(r + row, lead), held.row(r)
        return lambda j: target.put(source.get(j), j)

    unit.elements(live, held.step, line)


def bring_before(unit: Unit, t: Register, state: tuple[Given, Given, Held], lead: int = 0) -> None:
    """Write the copy of a state before step t: the first, or a row of all (of matrix `lead`)."""
    first, seen, held = state
    live = unit.live(t)
    when(
        unit.w,
        t.eq(0),
        lambda: bring(unit, first, held, unit.first, live),
        lambda: bring(unit, seen, held, unit.row(t - 1), live, lead),
    )


def step_back(unit: Unit, turn: Register) -> Register:
    """The step that is the turn's on the way back."""
    return unit.w.number(unit.steps(), INDEX) - 1 - turn


# --- Elman's network ----------------------------------------------------------------------------


def rnn_steps(site: Site) -> None:
    """Write all steps of Elman's network."""
    dtype, (rows, hidden) = dtype_of(site), site.out.shape
    a, h, weight = site.operands
    panels = packed(site, weight, transposed=True)
    rectified = site.attrs.get("rectified", False)

    def steps(unit: Unit, held: list[Held]) -> None:
        state, sums = held
        given, y = unit.given(a), unit.given(site.out)
        bring(unit, unit.given(h), state, unit.first, unit.live(0))

        def line(first: Register, r: Register) -> Callable[[Register], None]:
            before, after = given.row(first + r), y.row(first + r)
            own, carried = sums.row(r), state.row(r)

            def cell(j: Register) -> None:
                x = own.get(j) + before.get(j)
                new = apply(unit.w, "relu", [x], {}, dtype) if rectified else tanh(x)
                after.put(new, j)
                carried.put(new, j)

            return cell

        with unit.w.loop(unit.steps()) as t:
            unit.multiply(state, panels, sums)
            unit.elements(unit.live(t), hidden, partial(line, unit.row(t)))

    through(site, [hidden, panels.whole], rows * hidden * hidden, steps)


def rnn_steps_back(site: Site) -> None:
    """Write the walk back through Elman's network."""
    dtype, rows, hidden = dtype_of(site), sum(site.attrs["sizes"]), site.out.shape[1]
    g, y, weight = site.operands
    panels = packed(site, weight)
    rectified = site.attrs.get("rectified", False)

    def steps(unit: Unit, held: list[Held]) -> None:
        slopes, passed = held
        of_y, seen, out = unit.given(g), unit.given(y), unit.given(site.out)

        def line(first: Register, r: Register) -> Callable[[Register], None]:
            slope, after, back = of_y.row(first + r), seen.row(first + r), out.row(first + r)
            own, later = slopes.row(r), passed.row(r)

            def cell(j: Register) -> None:
                dh, h = slope.get(j) + later.get(j), after.get(j)
                local = h.gt(0).to(dtype) if rectified else rest(h * h)
                own.put(dh * local, j)
                back.put(dh * local, j)

            return cell

        with unit.w.loop(unit.steps()) as turn:
            t = step_back(unit, turn)
            unit.elements(unit.live(t), hidden, partial(line, unit.row(t)))
            unit.multiply(slopes, panels, passed)
        put_below(unit, out, rows, [passed], hidden)

    through(site, [hidden, panels.whole], rows * hidden * hidden, steps)


def put_below(unit: Unit, out: Given, rows: int, states: Sequence[Held], hidden: int) -> None:
    """Write what comes to states before the first step below all rows, side by side, then zeros."""

    def line(r: Register) -> Callable[[Register], None]:
        below = out.row(unit.first + r + rows)
        from_states = [state.row(r) for state in states]

        def cell(j: Register) -> None:
            for k, row in enumerate(from_states):
                below.put(row.get(j), j + k * hidden)
            for k in range(len(states), out.columns // hidden):
                below.put(unit.w.number(0, unit.dtype), j + k * hidden)

        return cell

    unit.elements(unit.live(0), hidden, line)


# --- long short-term memory ---------------------------------------------------------------------


def lstm_walk(site: Site) -> None:
    """Write all steps of long short-term memory."""
    dtype_of(site)
    a, h, c, weight = site.operands
    _, rows, hidden = site.out.shape
    panels = packed(site, weight, transposed=True)

    def steps(unit: Unit, held: list[Held]) -> None:
        state, memory, sums = held
        given, seen = unit.given(a), unit.given(site.out)
        bring(unit, unit.given(h), state, unit.first, unit.live(0))
        bring(unit, unit.given(c), memory, unit.first, unit.live(0))

        def line(first: Register, r: Register) -> Callable[[Register], None]:
            before, own = given.row(first + r), sums.row(r)
            read, kept = state.row(r), memory.row(r)
            targets = [seen.row(first + r, lead) for lead in range(6)]

            def cell(j: Register) -> None:
                x = [own.get(j + k * hidden) + before.get(j + k * hidden) for k in range(4)]
                i, f, z, o = sigmoid(x[0]), sigmoid(x[1]), tanh(x[2]), sigmoid(x[3])
                c = f * kept.get(j) + i * z
                h = o * tanh(c)
                for row, y in zip((*targets, read, kept), (h, c, i, f, z, o, h, c)):
                    row.put(y, j)

            return cell

        with unit.w.loop(unit.steps()) as t:
            unit.multiply(state, panels, sums)
            unit.elements(unit.live(t), hidden, partial(line, unit.row(t)))

    through(site, [hidden, hidden, panels.whole], 4 * rows * hidden * hidden, steps)


def lstm_steps_back(site: Site) -> None:
    """Write the walk back through long short-term memory."""
    dtype_of(site)
    g, states, gates, c, weight = site.operands
    rows, hidden = sum(site.attrs["sizes"]), site.out.shape[1] // 4
    panels = packed(site, weight)

    def steps(unit: Unit, held: list[Held]) -> None:
        memory, slopes, passed_h, passed_c = held
        of_y, seen, opened, out = (unit.given(x) for x in (g, states, gates, site.out))
        first_c = unit.given(c)

        def line(first: Register, r: Register) -> Callable[[Register], None]:
            of_h, of_c = (of_y.row(first + r, lead) for lead in (0, 1))
            of_gates = [opened.row(first + r, lead) for lead in range(4)]
            c_before, c_after = memory.row(r), seen.row(first + r, 1)
            later_h, later_c = passed_h.row(r), passed_c.row(r)
            targets = slopes.row(r), out.row(first + r)

            def cell(j: Register) -> None:
                i, f, z, o = (gate.get(j) for gate in of_gates)
                read = tanh(c_after.get(j))
                dh = of_h.get(j) + later_h.get(j)
                dc = of_c.get(j) + later_c.get(j) + dh * o * rest(read * read)
                found = (
                    dc * z * (i * rest(i)),
                    dc * c_before.get(j) * (f * rest(f)),
                    dc * i * rest(z * z),
                    dh * read * (o * rest(o)),
                )
                for row in targets:
                    for k, slope in enumerate(found):
                        row.put(slope, j + k * hidden)
                later_c.put(dc * f, j)

            return cell

        with unit.w.loop(unit.steps()) as turn:
            t = step_back(unit, turn)
            bring_before(unit, t, (first_c, seen, memory), lead=1)
            unit.elements(unit.live(t), hidden, partial(line, unit.row(t)))
            unit.multiply(slopes, panels, passed_h)
        put_below(unit, out, rows, [passed_h, passed_c], hidden)

    widths = [hidden, 4 * hidden, panels.whole, hidden]
    through(site, widths, 4 * rows * hidden * hidden, steps)


# --- gated recurrent unit -----------------------------------------------------------------------


def gru_walk(site: Site) -> None:
    """Write all steps of gated recurrent units."""
    dtype_of(site)
    a, h, weight, b = site.operands
    _, rows, hidden = site.out.shape
    panels = packed(site, weight, transposed=True)

    def steps(unit: Unit, held: list[Held]) -> None:
        state, sums = held
        given, seen, bias = unit.given(a), unit.given(site.out), unit.given(b).row()
        bring(unit, unit.given(h), state, unit.first, unit.live(0))

        def line(first: Register, row: Register) -> Callable[[Register], None]:
            before, own, carried = given.row(first + row), sums.row(row), state.row(row)
            targets = [seen.row(first + row, lead) for lead in range(5)]

            def cell(j: Register) -> None:
                places = [j + k * hidden for k in range(3)]
                own_r, own_z, last = (own.get(at) + bias.get(at) for at in places)
                in_r, in_z, in_n = (before.get(at) for at in places)
                r, z = sigmoid(in_r + own_r), sigmoid(in_z + own_z)
                n = tanh(r * last + in_n)
                new = n + z * (carried.get(j) - n)
                for target, y in zip((*targets, carried), (new, r, z, n, last, new)):
                    target.put(y, j)

            return cell

        with unit.w.loop(unit.steps()) as t:
            unit.multiply(state, panels, sums)
            unit.elements(unit.live(t), hidden, partial(line, unit.row(t)))

    through(site, [hidden, panels.whole], 3 * rows * hidden * hidden, steps)


def gru_steps_back(site: Site) -> None:
    """Write the walk back through gated recurrent units."""
    dtype_of(site)
    g, state, gates, h, weight = site.operands
    rows, hidden = sum(site.attrs["sizes"]), site.out.shape[1] // 4
    panels = packed(site, weight)

    def steps(unit: Unit, held: list[Held]) -> None:
        before, slopes, passed, kept = held
        of_y, seen, opened, out = (unit.given(x) for x in (g, state, gates, site.out))
        first_h = unit.given(h)

        def line(first: Register, row: Register) -> Callable[[Register], None]:
            of_h, later, direct = of_y.row(first + row), passed.row(row), kept.row(row)
            of_gates = [opened.row(first + row, lead) for lead in range(4)]
            h_before, carried, target = before.row(row), slopes.row(row), out.row(first + row)

            def cell(j: Register) -> None:
                r, z, n, last = (gate.get(j) for gate in of_gates)
                dh = of_h.get(j) + (later.get(j) + direct.get(j))
                of_n = dh * rest(z) * rest(n * n)
                of_last = of_n * r
                of_r = of_last * last * rest(r)
                of_z = dh * (h_before.get(j) - n) * (z * rest(z))
                for k, slope in enumerate((of_r, of_z, of_n, of_last)):
                    target.put(slope, j + k * hidden)
                for k, slope in enumerate((of_r, of_z, of_last)):
                    carried.put(slope, j + k * hidden)
                direct.put(dh * z, j)

            return cell

        def total(r: Register) -> Callable[[Register], None]:
            later, direct = passed.row(r), kept.row(r)
            return lambda j: direct.put(later.get(j) + direct.get(j), j)

        with unit.w.loop(unit.steps()) as turn:
            t = step_back(unit, turn)
            bring_before(unit, t, (first_h, seen, before))
            unit.elements(unit.live(t), hidden, partial(line, unit.row(t)))
            unit.multiply(slopes, panels, passed)
        unit.elements(unit.live(0), hidden, total)
        put_below(unit, out, rows, [kept], hidden)

    widths = [hidden, 3 * hidden, panels.whole, hidden]
    through(site, widths, 3 * rows * hidden * hidden, steps)


RECURRENT: dict[str, Callable[[Site], None]] = {
    "rnn_steps": rnn_steps,
    "rnn_steps_back": rnn_steps_back,
    "lstm_walk": lstm_walk,
    "lstm_steps_back": lstm_steps_back,
    "gru_walk": gru_walk,
    "gru_steps_back": gru_steps_back,
}
