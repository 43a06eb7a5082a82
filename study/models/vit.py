"""Small Vision Transformer: width is that of the token embedding, depth the blocks."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from search_spaces.errors import PayoffError
from study.models.dropout import StreamDropout
from study.models.images import Grid, ToGrid, convolution, grid_of

HEAD_WIDTH = 16
"""Units per attention head, as nearly as the width allows. ViT has 64; at the widths of small
models that would leave one head."""

MLP_RATIO = 4
"""Hidden units of a block's perceptron per unit of width (Dosovitskiy et al. 2021, table 1)."""

PATCHES_PER_SIDE = {1: 32, 2: 8}
"""At most this many patches along each side, for signals and for images."""


def build(
    width: int, depth: int, dropout: float, input_shape: tuple[int, ...], n_outputs: int
) -> nn.Module:
    """``depth`` pre-norm transformer blocks over patches, then the mean over tokens.

    Patches have max(2, ceil(side / 8)) values a side (signals: max(2, ceil(length / 32))), so that
    8 x 8 images give 16 tokens, 28 x 28 give 49 and 32 x 32 give 64; sides that don't divide are
    padded with zeros. As in Beyer et al. 2022 tokens are averaged, with no class token; positions
    are learned.
    """
    if depth < 1:
        raise PayoffError(f"depth: must be at least 1 for vit, got {depth}; use mlp for depth 0")
    return VisionTransformer(grid_of(input_shape, "vit"), width, depth, dropout, n_outputs)


def heads_of(width: int) -> int:
    """Attention heads: the divisor of ``width`` nearest below or at width / 16, at least 1.

    Examples
    --------
    >>> [heads_of(width) for width in (4, 16, 40, 64, 100)]
    [1, 1, 2, 4, 5]
    """
    return max(h for h in range(1, max(1, width // HEAD_WIDTH) + 1) if width % h == 0)


class VisionTransformer(nn.Module):
    """See :func:`build`."""

    def __init__(self, grid: Grid, width: int, depth: int, dropout: float, n_outputs: int) -> None:
        super().__init__()
        dimensions = len(grid.sides)
        patches = PATCHES_PER_SIDE[dimensions]
        patch = tuple(max(2, math.ceil(side / patches)) for side in grid.sides)
        counts = tuple(math.ceil(side / p) for side, p in zip(grid.sides, patch, strict=True))
        self.to_grid = ToGrid(grid)
        # functional.pad wants the last side first, each as (before, after).
        self.padding: list[int] = []
        for side, p, count in reversed(list(zip(grid.sides, patch, counts, strict=True))):
            self.padding += [0, p * count - side]
        embed = convolution(dimensions)
        self.patches = embed(grid.channels, width, patch, stride=patch)  # type: ignore[arg-type]
        self.positions = nn.Embedding(math.prod(counts), width)
        nn.init.normal_(self.positions.weight, std=0.02)
        self.dropout = StreamDropout(dropout)
        self.blocks = nn.Sequential(*(Block(width, dropout) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, n_outputs)
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, *input_shape) to (batch, n_outputs)."""
        x = functional.pad(self.to_grid(x), self.padding)
        tokens: Tensor = self.patches(x).flatten(2).transpose(1, 2)
        tokens = self.dropout(tokens + self.positions.weight)
        scores: Tensor = self.head(self.norm(self.blocks(tokens)).mean(dim=1))
        return scores


class Block(nn.Module):
    """Self-attention and a two-layer perceptron, each normalised first and added to its input."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads_of(width)
        self.attention_norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, MLP_RATIO * width)
        self.contract = nn.Linear(MLP_RATIO * width, width)
        self.dropout = StreamDropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (batch, tokens, width) to the same shape."""
        tokens = tokens + self.dropout(self.attend(self.attention_norm(tokens)))
        h = functional.gelu(self.expand(self.mlp_norm(tokens)))
        result: Tensor = tokens + self.dropout(self.contract(h))
        return result

    def attend(self, tokens: Tensor) -> Tensor:
        """Multi-head self-attention, written out so that every product is counted."""
        batch, n_tokens, width = tokens.shape
        split = self.queries_keys_values(tokens).view(batch, n_tokens, 3, self.heads, -1)
        queries, keys, values = split.permute(2, 0, 3, 1, 4).unbind(0)
        weights = torch.softmax(
            queries @ keys.transpose(-2, -1) / math.sqrt(width // self.heads), dim=-1
        )
        mixed: Tensor = self.mix((weights @ values).transpose(1, 2).reshape(batch, n_tokens, width))
        return mixed


def _initialise(module: nn.Module) -> None:
    """Glorot-uniform weights and zero biases (ViT's own initialisation of its dense layers)."""
    if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
