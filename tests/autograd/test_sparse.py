"""Sparse tensors beside PyTorch's: forms, products, sums, gradients, and a network on a graph."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, sparse
from chainrule.errors import OptionError, ShapeError

# PyTorch's words on what it does not check unless asked.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Sparse invariant checks"),
    pytest.mark.filterwarnings("ignore:Sparse CSR tensor support"),
]

PLACES = [[0, 2, 2, 1, 0], [1, 0, 3, 2, 1]]  # one of them twice
VALUES = [1.0, 2.0, 3.0, 4.0, 5.0]
SHAPE = (3, 4)


def both(torch):
    """The same sparse matrix in both libraries, and its values there."""
    ours = cr.tensor(np.array(VALUES), requires_grad=True)
    theirs = torch.tensor(VALUES, dtype=torch.float64, requires_grad=True)
    a = cr.sparse_coo_tensor(PLACES, ours, SHAPE)
    return a, torch.sparse_coo_tensor(PLACES, theirs, SHAPE), ours, theirs


def same(ours, theirs):
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(np.asarray(ours.detach()), theirs.detach().numpy(), rtol=1e-12)


WAYS = {
    "dense": lambda a, x: a.to_dense(),
    "coalesced": lambda a, x: a.coalesce().values(),
    "places": lambda a, x: a.coalesce().indices(),
    "transposed": lambda a, x: a.t().to_dense(),
    "product": lambda a, x: a @ x,
    "mm": lambda a, x: a.mm(x),
    "vector": lambda a, x: a.matmul(x[:, 0]),
    "transposed product": lambda a, x: a.t() @ (a @ x),
    "scaled": lambda a, x: (a * 3.0).to_dense(),
    "divided": lambda a, x: (a / 4.0).to_dense(),
    "negative": lambda a, x: (-a).to_dense(),
    "added": lambda a, x: (a + a).to_dense(),
    "subtracted": lambda a, x: (a - 3.0 * a).to_dense(),
    "sum": lambda a, x: a.sum(),
    "doubled": lambda a, x: a.double().to_dense(),
}


@pytest.mark.parametrize("way", WAYS)
def test_forms_and_products_with_their_gradients(torch, way):
    a, a_torch, values, values_torch = both(torch)
    x = cr.tensor(np.arange(8.0).reshape(4, 2), requires_grad=True)
    x_torch = torch.arange(8.0, dtype=torch.float64).reshape(4, 2).requires_grad_()
    y, y_torch = WAYS[way](a, x), WAYS[way](a_torch, x_torch)
    same(y, y_torch)
    if y_torch.requires_grad:
        weight = np.cos(np.arange(y.numel())).reshape(y.shape)
        (y * cr.tensor(weight)).sum().backward()
        (y_torch * torch.tensor(weight)).sum().backward()
        same(values.grad, values_torch.grad)
        if x_torch.grad is not None:
            same(x.grad, x_torch.grad)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_sums_along_a_dimension(torch, dim):
    a, a_torch, _, _ = both(torch)
    same(sparse.sum(a, dim).to_dense(), torch.sparse.sum(a_torch, dim).to_dense())


def test_rows_in_order(torch):
    dense = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 3.0]])
    ours, theirs = cr.tensor(dense).to_sparse().to_sparse_csr(), torch.tensor(dense).to_sparse_csr()
    for part in ("crow_indices", "col_indices", "values"):
        same(getattr(ours, part)(), getattr(theirs, part)())
    again = cr.sparse_csr_tensor(ours.crow_indices(), ours.col_indices(), ours.values())
    same(again.to_dense(), theirs.to_dense())
    assert again.layout == "sparse_csr"


def test_values_with_dimensions_of_their_own(torch):
    values = np.arange(6.0).reshape(3, 2)
    ours = cr.sparse_coo_tensor([[0, 2, 0]], values)
    theirs = torch.sparse_coo_tensor([[0, 2, 0]], torch.tensor(values))
    same(ours.to_dense(), theirs.to_dense())
    same(ours.coalesce().values(), theirs.coalesce().values())


def test_the_names_that_programs_use(torch):
    a, _, _, _ = both(torch)
    x = cr.ones(4, 2, dtype=np.float64)
    expected = a.to_dense() @ x
    for product in (cr.spmm, cr.mm, cr.matmul, sparse.mm, sparse.spmm):
        np.testing.assert_allclose(product(a, x).detach(), expected.detach())
    np.testing.assert_allclose(
        sparse.addmm(expected, a, x, beta=2.0).detach(), 3 * expected.detach()
    )
    old = sparse.FloatTensor(cr.tensor(PLACES), cr.tensor(VALUES), SHAPE)
    assert old.dtype == np.float32
    assert old._nnz() == 5
    assert old.is_sparse
    assert not old.is_coalesced()


@pytest.mark.parametrize(
    ("ask", "error", "sentence"),
    [
        (lambda a: a.values(), OptionError, "may hold a place twice; call .coalesce"),
        (lambda a: cr.exp(a), OptionError, "exp takes no sparse tensor; call .to_dense"),
        (lambda a: cr.matmul(cr.ones(2, 3), a), OptionError, "the sparse one comes first"),
        (lambda a: a @ cr.ones(3, 2), ShapeError, r"multiplied by 4 rows, got shape \(3, 2\)"),
        (lambda a: a + a.t(), ShapeError, "do not add"),
        (lambda a: cr.sparse_coo_tensor([[5]], [1.0], (2,)), OptionError, "do not lie within"),
        (lambda a: cr.sparse_coo_tensor([[0, 1]], [1.0]), ShapeError, "as many values"),
        (lambda a: cr.sparse_csr_tensor([0, 2], [1], [1.0]), ShapeError, "speak of 2 columns"),
        (lambda a: sparse.smx, AttributeError, "chainrule.sparse has no 'smx'"),
    ],
)
def test_what_it_cannot_is_said_in_a_sentence(torch, ask, error, sentence):
    with pytest.raises(error, match=sentence):
        ask(both(torch)[0])


class GraphNetwork(nn.Module):
    """Two graph convolutions, as Kipf and Welling have them."""

    def __init__(self, adjacency):
        super().__init__()
        self.adjacency = adjacency
        self.first, self.second = nn.Linear(5, 8), nn.Linear(8, 2)

    def forward(self, x):
        hidden = cr.spmm(self.adjacency, self.first(x)).relu()
        return cr.spmm(self.adjacency, self.second(hidden))


def losses(compiled):
    """Sixty steps of learning to tell the nodes of a random graph apart."""
    cr.manual_seed(0)
    rng = np.random.default_rng(0)
    edges = rng.integers(0, 12, (2, 30))
    net = GraphNetwork(cr.sparse_coo_tensor(edges, np.full(30, 0.3, np.float32), (12, 12)))
    x, labels = cr.randn(12, 5), cr.tensor(rng.integers(0, 2, 12))
    optimiser = cr.optim.Adam(net.parameters(), lr=0.05)

    def step():
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(net(x), labels)
        loss.backward()
        optimiser.step()
        return loss

    step = cr.compile(step) if compiled else step
    return [step().item() for _ in range(60)]


def test_a_network_on_a_graph_learns_and_compiled_the_same():
    curve = losses(compiled=False)
    assert curve[-1] < 0.7 * curve[0]
    np.testing.assert_allclose(losses(compiled=True), curve, rtol=1e-4)


@pytest.mark.parametrize(
    "way",
    [lambda a, d: d + a, lambda a, d: d @ a.t(), lambda a, d: d[0] @ a.t(), lambda a, d: d * a],
    ids=["sum", "product", "vector", "elements"],
)
def test_a_dense_tensor_may_stand_on_the_left(torch, way):
    ours, theirs, x, y = both(torch)
    numbers = np.arange(12.0).reshape(3, 4)
    found = way(ours, cr.tensor(numbers))
    expected = way(theirs, torch.tensor(numbers))
    dense = [z.to_dense() if z.is_sparse else z for z in (found, expected)]
    same(*dense)
    for z in dense:
        (z * z).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-12)
