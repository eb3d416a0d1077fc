"""Rows of what rolls, turns, repeats, stacks, cuts up and puts in."""

from __future__ import annotations

import itertools

import numpy as np

from case import case, in_a_row, listed, real, torch, truth, whole

# A row is a line, or little more.
# fmt: off

TURNS = [
    case("roll", [real(2, 3)], lambda x, shifts: np.roll(x, shifts), torch.roll, note="all",
         shifts=2),
    case("roll", [real(2, 5)], lambda x, shifts, dims: np.roll(x, shifts, dims), torch.roll,
         shifts=-2, dims=1),
    case("roll", [real(2, 5, 3)], lambda x, shifts, dims: np.roll(x, shifts, dims), torch.roll,
         note="several", shifts=(1, 7), dims=(0, -2)),
    case("roll", [real(2, 5)], lambda x, shifts, dims: x, torch.roll, note="whole", shifts=10,
         dims=1),
    *(
        case("rot90", [real(2, 3)], lambda x, k: np.rot90(x, k), torch.rot90, note=f"{k}", k=k)
        for k in (-1, 0, 1, 2, 3)
    ),
    case("rot90", [real(2, 3, 4)], lambda x, k, dims: np.rot90(x, k, dims), torch.rot90,
         note="dims", form=in_a_row("k", "dims"), k=1, dims=(2, 0)),
    case("fliplr", [real(2, 3)], np.fliplr, torch.fliplr),
    case("flipud", [real(2, 3)], np.flipud, torch.flipud),
    case("movedim", [real(2, 3, 4)], np.moveaxis, torch.movedim,
         form=in_a_row("source", "destination"), source=0, destination=-1),
    case("movedim", [real(2, 3, 4, 5)], np.moveaxis, torch.movedim, note="several",
         form=in_a_row("source", "destination"), source=(3, 0), destination=(0, 2)),
    case("unflatten", [real(2, 6)], lambda x, dim, sizes: x.reshape(2, 3, 2), torch.unflatten,
         form=in_a_row("dim", "sizes"), dim=-1, sizes=(3, -1)),
]

REPEATS = [
    case("repeat", [real(2, 3)], lambda x, sizes: np.tile(x, sizes),
         lambda x, sizes: x.repeat(sizes), sizes=(2, 3)),
    case("repeat", [real(3)], lambda x, sizes: np.tile(x, sizes), lambda x, sizes: x.repeat(sizes),
         note="deeper", sizes=(2, 1, 2)),
    case("repeat", [real(3)], lambda x, sizes: np.tile(x, sizes), lambda x, sizes: x.repeat(sizes),
         note="never", sizes=(0,)),
    case("tile", [real(2, 3)], np.tile, torch.tile, form=in_a_row("dims"), dims=(2,)),
    case("broadcast_tensors", [real(2, 1), real(3)], lambda *xs: np.broadcast_arrays(*xs),
         torch.broadcast_tensors),
    case("meshgrid", [real(2), real(3), real(4)], lambda *xs: np.meshgrid(*xs, indexing="ij"),
         lambda *xs: torch.meshgrid(*xs, indexing="ij")),
    case("meshgrid", [real(2), real(3), real(4)], np.meshgrid, torch.meshgrid, note="xy",
         indexing="xy"),
    case("meshgrid", [real(2), real(3)], lambda xs, **_: np.meshgrid(*xs, indexing="ij"),
         torch.meshgrid, note="list", form=listed, indexing="ij"),
    case("cartesian_prod", [real(2), real(3)],
         lambda *xs: np.array([*itertools.product(*xs)]).reshape(-1, 2), torch.cartesian_prod),
    case("cartesian_prod", [real(3)], lambda x: x, torch.cartesian_prod, note="alone"),
    case("combinations", [real(4)], lambda x, **_: np.array([*itertools.combinations(x, 2)]),
         torch.combinations),
    case("combinations", [real(3)], lambda x, **_: np.array(
        [*itertools.combinations_with_replacement(x, 3)]), torch.combinations, note="again", r=3,
         with_replacement=True),
]


def blocks(*xs):
    """The matrices along a diagonal, written into zeros."""
    xs = [np.atleast_2d(x) for x in xs]
    y = np.zeros(np.sum([x.shape for x in xs], 0))
    at = np.zeros(2, int)
    for x in xs:
        y[at[0] : at[0] + x.shape[0], at[1] : at[1] + x.shape[1]] = x
        at += x.shape
    return y


STACKS = [
    *(
        case(name, [real(*shape)], getattr(np, name), getattr(torch, name), note=f"{len(shape)}")
        for name in ("atleast_1d", "atleast_2d", "atleast_3d")
        for shape in ((), (2,), (2, 3), (2, 3, 4))
    ),
    case("atleast_2d", [real(), real(3)], np.atleast_2d, torch.atleast_2d, note="several"),
    *(
        case(name, [real(*a), real(*b)], getattr(np, name), getattr(torch, name),
             note=f"{len(a)}", form=listed)
        for name, a, b in [
            ("vstack", (3,), (3,)), ("vstack", (2, 3), (1, 3)), ("hstack", (2,), (3,)),
            ("hstack", (2, 3), (2, 1)), ("dstack", (3,), (3,)), ("dstack", (2, 3), (2, 3)),
            ("column_stack", (3,), (3,)), ("column_stack", (2, 3), (2, 1)),
        ]
    ),
    case("block_diag", [real(2, 3), real(1, 2), real(2)], blocks, torch.block_diag),
    case("block_diag", [real(), real(2, 1)], blocks, torch.block_diag, note="number"),
]

CUTS = [
    case("select", [real(2, 3, 4)], lambda x, dim, index: np.take(x, index, dim), torch.select,
         form=in_a_row("dim", "index"), dim=1, index=-2),
    case("unbind", [real(2, 3)], list, torch.unbind),
    case("unbind", [real(2, 3)], lambda x, dim: list(x.T), torch.unbind, note="last", dim=-1),
    case("tensor_split", [real(7, 2)], np.array_split, torch.tensor_split,
         form=in_a_row("sections"), sections=3),
    case("tensor_split", [real(2, 7)], np.array_split, torch.tensor_split, note="places",
         form=in_a_row("sections", "dim"), sections=(1, 4, 4), dim=1),
    case("hsplit", [real(2, 4)], np.hsplit, torch.hsplit, form=in_a_row("sections"), sections=2),
    case("hsplit", [real(4)], np.hsplit, torch.hsplit, note="vector", form=in_a_row("sections"),
         sections=(1,)),
    case("vsplit", [real(4, 2)], np.vsplit, torch.vsplit, form=in_a_row("sections"), sections=2),
    case("dsplit", [real(1, 2, 4)], np.dsplit, torch.dsplit, form=in_a_row("sections"), sections=2),
    case("sliding", [real(7)], lambda x, **_: np.lib.stride_tricks.sliding_window_view(x, 3)[::2],
         lambda x, **a: x.unfold(*a.values()), dimension=0, size=3, step=2),
    case("sliding", [real(5, 2)], lambda x, **_: np.lib.stride_tricks.sliding_window_view(x, 2, 0),
         lambda x, **a: x.unfold(*a.values()), note="first", dimension=-2, size=2, step=1),
    case("as_strided", [real(3, 4)], lambda x, **_: x.ravel()[1:][[[0, 2], [3, 5], [6, 8]]],
         torch.as_strided, size=(3, 2), stride=(3, 2), storage_offset=1),
]


def replaced(key):
    """A copy of x with the source at a key."""

    def reference(x, src, *_, **__):
        y = np.array(x)
        y[key] = src
        return y

    return reference


PUTS = [
    case("select_scatter", [real(2, 3), real(2)], replaced(np.s_[:, -1]), torch.select_scatter,
         form=in_a_row("dim", "index"), dim=1, index=-1),
    case("slice_scatter", [real(5, 3), real(2, 3)], replaced(np.s_[1:5:2]), torch.slice_scatter,
         dim=0, start=1, end=5, step=2),
]


def diagonal(x, offset=0, dim1=0, dim2=1):
    """NumPy's, by PyTorch's names."""
    return np.diagonal(x, offset, dim1, dim2)


def embedded(x, offset=0, dim1=-2, dim2=-1):
    """Each line on the diagonal of a matrix, one by one."""
    n = x.shape[-1] + abs(offset)
    y = np.zeros((*x.shape[:-1], n, n))
    for at in np.ndindex(x.shape[:-1]):
        y[at] = np.diag(x[at], offset)
    return np.moveaxis(y, (-2, -1), (dim1, dim2))


def written_diagonal(x, src, offset=0, dim1=0, dim2=1):
    """The source, element by element, where the diagonal is."""
    y = np.array(x)
    view = np.moveaxis(y, (dim1, dim2), (-2, -1))
    for i in range(src.shape[-1]):
        view[..., i - min(offset, 0), i + max(offset, 0)] = src[..., i]
    return y


DIAGONALS = [
    case("diagonal", [real(3, 4)], diagonal, torch.diagonal),
    case("diagonal", [real(3, 4)], diagonal, torch.diagonal, note="above", offset=2),
    case("diagonal", [real(3, 4)], diagonal, torch.diagonal, note="below", offset=-1),
    case("diagonal", [real(3, 4)], diagonal, torch.diagonal, note="outside", offset=5),
    case("diagonal", [real(2, 3, 4)], diagonal, torch.diagonal, note="dims", offset=1, dim1=-1,
         dim2=0),
    case("diag_embed", [real(3)], embedded, torch.diag_embed),
    case("diag_embed", [real(2, 3)], embedded, torch.diag_embed, note="stack", offset=-1),
    case("diag_embed", [real(2, 3)], embedded, torch.diag_embed, note="dims", offset=1, dim1=0,
         dim2=2),
    case("diag", [real(3)], lambda x, diagonal=0: np.diag(x, diagonal), torch.diag, note="vector",
         diagonal=1),
    case("diag", [real(3, 4)], lambda x, diagonal=0: np.diag(x, diagonal), torch.diag,
         diagonal=-1),
    case("diagflat", [real(2, 2)], np.diagflat, torch.diagflat),
    case("diagonal_scatter", [real(3, 4), real(3)], written_diagonal, torch.diagonal_scatter),
    case("diagonal_scatter", [real(3, 2, 4), real(2, 2)], written_diagonal,
         torch.diagonal_scatter, note="dims", offset=-1, dim1=0, dim2=-1),
    case("trace", [real(3, 4)], np.trace, torch.trace),
    case("trace", [whole(0, 9, 3, 3)], np.trace, torch.trace, note="integers"),
    case("tril", [real(3, 4)], lambda x: np.tril(x), torch.tril),
    case("tril", [real(2, 3, 4)], lambda x, diagonal: np.tril(x, diagonal), torch.tril,
         note="above", diagonal=1),
    case("tril", [truth(3, 3)], lambda x, diagonal: np.tril(x, diagonal), torch.tril,
         note="truth", diagonal=-1),
    case("triu", [real(3, 4)], lambda x: np.triu(x), torch.triu),
    case("triu", [whole(0, 9, 3, 4)], lambda x, diagonal: np.triu(x, diagonal), torch.triu,
         note="integers", diagonal=-1),
]
