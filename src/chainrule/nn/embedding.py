"""Learned vectors, each for a thing or for a bag of things (floor 3)."""

from __future__ import annotations

from typing import Any, Self

from chainrule import init as numbers
from chainrule.autograd import Generator, Tensor, no_grad
from chainrule.autograd.generator import state_of
from chainrule.autograd.tape import wrap
from chainrule.errors import ShapeError
from chainrule.nn import functional as F
from chainrule.nn import init
from chainrule.nn.lookup import _padding
from chainrule.nn.module import Module, Parameter
from chainrule.nn.weights import is_there, placed, positive

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """Vectors, and how they are looked up: what `Embedding` and `EmbeddingBag` have in common."""

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None
    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool
    sparse: bool

    def _begin(self, given: Tensor | None, freeze: bool, generator: Generator | None) -> None:
        """Set the weight: `given`, or drawn anew, with zeros for the padding."""
        shape = (self.num_embeddings, self.embedding_dim)
        self.padding_idx = _padding(self.padding_idx, self.num_embeddings)
        if given is not None:
            if tuple(given.shape) != shape:
                raise ShapeError(f"the vectors given must have shape {shape}, got {given.shape}")
            self.weight = Parameter(given, requires_grad=not freeze)
            return
        self.weight = Parameter(wrap(numbers.normal(state_of(generator), shape, 0.0, 1.0)))
        self.weight.requires_grad_(not freeze)
        self._clear_padding()

    def _clear_padding(self) -> None:
        if self.padding_idx is not None and is_there(self.weight):
            with no_grad():
                self.weight[self.padding_idx] = 0

    def reset_parameters(self) -> None:
        """Draw the vectors anew."""
        init.normal_(self.weight)
        self._clear_padding()

    def _said(self, *names: str) -> str:
        """The sizes, and those of the options that are not as usual."""
        usual = {"norm_type": 2, "scale_grad_by_freq": False, "sparse": False}
        options = [
            f"{name}={getattr(self, name)!r}"
            for name in names
            if getattr(self, name) != usual.get(name)
        ]
        return ", ".join([str(self.num_embeddings), str(self.embedding_dim), *options])


def _matrix(embeddings: Tensor) -> tuple[int, int]:
    """How many vectors there are in a table that is given, and how long they are."""
    if embeddings.ndim != 2:
        raise ShapeError(f"vectors are the rows of a matrix, got shape {tuple(embeddings.shape)}")
    count, size = embeddings.shape
    return count, size


class Embedding(_Table):
    """A learned vector for each of a number of things.

    Args:
        num_embeddings: how many things.
        embedding_dim: length of a vector.
        padding_idx: a thing whose vector is 0 and stays it.
        max_norm: the length to which vectors that are looked up, and are longer, are cut.
        norm_type: the p of that length.
        scale_grad_by_freq: whether a vector's gradient is divided by how often it is looked up.
        sparse: PyTorch's, and taken so that its scripts run; the gradient is a dense one.
        device: where its numbers are; the default device if `None`.
        dtype: of the weight.
        generator: where the initial vectors come from.

    Attributes:
        weight: (num_embeddings, embedding_dim).

    Raises:
        DataError: a number outside 0 to num_embeddings - 1.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> Embedding(10, 4)(tensor([[1, 2, 3]])).shape
        (1, 3, 4)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        positive(num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        self._begin(_weight, _freeze, generator)
        if _weight is None:
            placed(self, device, dtype)

    def forward(self, input: Tensor) -> Any:
        """Map integers (...) to vectors (..., embedding_dim)."""
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """Return a layer with these vectors.

        Args:
            embeddings: (num_embeddings, embedding_dim); shared, not copied.
            freeze: whether they are left as they are, or learned further.
            padding_idx: as for the layer, and so are the others.
            max_norm: likewise.
            norm_type: likewise.
            scale_grad_by_freq: likewise.
            sparse: likewise.

        Examples:
            >>> from chainrule.autograd import tensor
            >>> Embedding.from_pretrained(tensor([[1.0, 2.0]]))(tensor([0]))
            tensor([[1., 2.]])
        """
        return cls(
            *_matrix(embeddings),
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def extra_repr(self) -> str:
        """Return the sizes, and what is not as usual."""
        names = "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse"
        return self._said(*names)


class EmbeddingBag(_Table):
    """The sum, mean or largest of learned vectors, of a bag of things each.

    Args:
        num_embeddings: how many things.
        embedding_dim: length of a vector.
        max_norm: the length to which vectors that are looked up, and are longer, are cut.
        norm_type: the p of that length.
        scale_grad_by_freq: whether a vector's gradient is divided by how often it is looked up.
        mode: "sum", "mean" or "max".
        sparse: PyTorch's, and taken so that its scripts run; the gradient is a dense one.
        include_last_offset: whether offsets end with the number of all indices.
        padding_idx: a thing that does not count.
        device: where its numbers are; the default device if `None`.
        dtype: of the weight.
        generator: where the initial vectors come from.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> EmbeddingBag(10, 4)(tensor([1, 2, 3]), tensor([0, 2])).shape
        (2, 4)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
        *,
        _freeze: bool = False,
        generator: Generator | None = None,
    ) -> None:
        positive(num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        self.padding_idx = padding_idx
        self._begin(_weight, _freeze, generator)
        if _weight is None:
            placed(self, device, dtype)

    def forward(
        self, input: Tensor, offsets: Any = None, per_sample_weights: Tensor | None = None
    ) -> Any:
        """Map bags of integers to vectors (B, embedding_dim); see `functional.embedding_bag`."""
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """Return a layer with these vectors; the other arguments are those of the layer.

        Args:
            embeddings: (num_embeddings, embedding_dim); shared, not copied.
            freeze: whether they are left as they are, or learned further.
            max_norm: as for the layer, and so are the others.
            norm_type: likewise.
            scale_grad_by_freq: likewise.
            mode: likewise.
            sparse: likewise.
            include_last_offset: likewise.
            padding_idx: likewise.
        """
        return cls(
            *_matrix(embeddings),
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            _weight=embeddings,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
            _freeze=freeze,
        )

    def extra_repr(self) -> str:
        """Return the sizes, and what is not as usual."""
        names = "max_norm", "norm_type", "scale_grad_by_freq", "mode", "padding_idx"
        return self._said(*names)
