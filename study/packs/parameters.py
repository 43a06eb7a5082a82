"""The parameters of many networks in one flat buffer: per name one tensor of shape (models, ...).

Networks of different width fit together by zero padding. A padded weight gets a gradient of exactly
zero as long as every activation it meets or feeds is zero, so it stays zero; the MLP sees to that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from study.models.weights import weights_of

ALIGNMENT = 16
"""Each named tensor starts at a multiple of this many values: 64 bytes, a cache line."""


@dataclass(frozen=True)
class Layout:
    """Which named tensors a model has, in order, each with its (padded) shape."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    weights: frozenset[str]
    """Names of the parameters that decay and L1 act on."""

    @classmethod
    def of(cls, models: Sequence[nn.Module]) -> Layout:
        """Return the layout that holds the parameters of all ``models``."""
        first = {name: tuple(p.shape) for name, p in models[0].named_parameters()}
        shapes = dict(first)
        for model in models[1:]:
            for name, p in model.named_parameters():
                shapes[name] = tuple(map(max, shapes[name], p.shape))
        return cls(tuple(shapes), tuple(shapes.values()), frozenset(weights_of(models[0])))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Values of each named tensor, per model."""
        return tuple(math.prod(shape) for shape in self.shapes)


class Stack:
    """One value per parameter of each model: parameters, gradients, or an optimiser's state."""

    def __init__(self, layout: Layout, n_models: int, device: torch.device) -> None:
        self.layout = layout
        self.n_models = n_models
        spans = [-(-n_models * size // ALIGNMENT) * ALIGNMENT for size in layout.sizes]
        self.flat = torch.zeros(sum(spans), device=device)
        self.views: dict[str, Tensor] = {}
        start = 0
        for name, shape, size, span in zip(
            layout.names, layout.shapes, layout.sizes, spans, strict=True
        ):
            piece = self.flat[start : start + n_models * size]
            self.views[name] = piece.view(n_models, *shape)
            start += span
        self.buffers: dict[str, Tensor] = {}
        """Buffers that belong to the parameters (running means): (models, ...), of any type."""
        self.rows = [view.view(n_models, -1) for view in self.views.values()]
        """Each named tensor as (models, values), in the layout's order."""

    @property
    def weights(self) -> list[Tensor]:
        """Those of :attr:`rows` that decay and L1 act on."""
        pairs = zip(self.layout.names, self.rows, strict=True)
        return [rows for name, rows in pairs if name in self.layout.weights]

    def put(self, row: int, values: Mapping[str, Tensor], fill: float = 0.0) -> None:
        """Write the named tensors of one model; what is padded or not named becomes ``fill``."""
        for name, view in self.views.items():
            target = view[row]
            value = values.get(name)
            if value is None:
                target.fill_(fill)
                continue
            if value.shape != target.shape:
                target.fill_(fill)
                target = _corner(target, value.shape)
            target.copy_(value)

    @torch.no_grad()
    def take(self, row: int, model: nn.Module) -> None:
        """Copy the row into the parameters of ``model``."""
        for name, parameter in model.named_parameters():
            parameter.copy_(_corner(self.views[name][row], parameter.shape))
        for name, buffer in model.named_buffers():
            buffer.copy_(self.buffers[name][row])

    def stack_buffers(self, models: Sequence[nn.Module]) -> None:
        """Copy the buffers of all models, in the order of the rows."""
        buffers = [dict(model.named_buffers()) for model in models]
        self.buffers = {name: torch.stack([each[name] for each in buffers]) for name in buffers[0]}

    def select(self, rows: Tensor) -> Stack:
        """Return a new stack of some of the models, in the order given."""
        chosen = Stack(self.layout, len(rows), self.flat.device)
        for mine, theirs in zip(self.rows, chosen.rows, strict=True):
            torch.index_select(mine, 0, rows, out=theirs)
        chosen.buffers = {name: all_.index_select(0, rows) for name, all_ in self.buffers.items()}
        return chosen

    def copy_rows(self, rows: Tensor, source: Stack) -> None:
        """Take over the given rows of ``source``."""
        for name, all_ in self.buffers.items():
            all_.index_copy_(0, rows, source.buffers[name].index_select(0, rows))
        if len(rows) == self.n_models:
            self.flat.copy_(source.flat)
            return
        for mine, theirs in zip(self.rows, source.rows, strict=True):
            mine.index_copy_(0, rows, theirs.index_select(0, rows))


def _corner(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    return tensor[tuple(slice(0, side) for side in shape)]
