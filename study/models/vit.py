"""Small Vision Transformer: width is that of the token embedding, depth the blocks.

Where the ranges come from
--------------------------
width, depth
    Dosovitskiy et al. [1]_ start at width 768 and depth 12, Touvron et al. [2]_ at width 192 for
    images of 224 pixels. Images of 8 to 32 pixels need less: the grid runs from 16 to 128, by our
    own choice.
prune_ratio
    0, 0.5 and 0.9, as for the other families. Chen et al. [3]_ keep DeiT-Small's accuracy with half
    of the weights removed.
learning_rate
    [1]_ (Table 3) trains from scratch with Adam at 8e-4 to 3e-3, [2]_ with AdamW at 5e-4 (batch
    512); small widths want more: [1e-4, 1e-2].
weight_decay
    0.03 to 0.3 in [1]_ and Steiner et al. [4]_, 0.05 in [2]_: Transformers on little data want
    strong decay, so the range is [1e-4, 0.3].
dropout
    0 or 0.1 in [1]_ and [4]_; the range is [0, 0.3], since our data are smaller still.

References
----------
.. [1] Dosovitskiy et al. An Image is Worth 16x16 Words, ICLR 2021.
.. [2] Touvron et al. Training data-efficient image transformers (DeiT), ICML 2021.
.. [3] Chen et al. Chasing Sparsity in Vision Transformers, NeurIPS 2021.
.. [4] Steiner et al. How to train your ViT?, TMLR 2022.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from search_spaces.domains import Float, Int
from search_spaces.errors import PayoffError
from search_spaces.space import Axis, SearchSpace
from study.models.family import OFF, Family

if TYPE_CHECKING:
    from torch import Tensor, nn

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
    from torch import nn

    from study.models.block import Block
    from study.models.dropout import StreamDropout
    from study.models.images import ToGrid, convolution, grid_of

    if depth < 1:
        raise PayoffError(f"depth: must be at least 1 for vit, got {depth}; use mlp for depth 0")
    grid = grid_of(input_shape, "vit")
    most = PATCHES_PER_SIDE[len(grid.sides)]
    patch = tuple(max(2, math.ceil(side / most)) for side in grid.sides)
    counts = tuple(math.ceil(side / p) for side, p in zip(grid.sides, patch, strict=True))
    # functional.pad wants the last side first, each as (before, after).
    padding: list[int] = []
    for side, p, count in reversed(list(zip(grid.sides, patch, counts, strict=True))):
        padding += [0, p * count - side]
    embed = convolution(len(grid.sides))
    parts: dict[str, nn.Module] = {
        "to_grid": ToGrid(grid),
        "patches": embed(grid.channels, width, patch, stride=patch),  # type: ignore[arg-type]
        "positions": nn.Embedding(math.prod(counts), width),
    }
    nn.init.normal_(parts["positions"].get_parameter("weight"), std=0.02)
    parts |= {
        "dropout": StreamDropout(dropout),
        "blocks": nn.Sequential(*(encoder(width, dropout) for _ in range(depth))),
        "norm": nn.LayerNorm(width),
        "head": nn.Linear(width, n_outputs),
    }
    return Block(partial(classify, padding=padding), **parts).apply(_initialise)


def classify(network: Any, x: Tensor, *, padding: list[int]) -> Tensor:
    """Map (batch, *input_shape) to (batch, n_outputs)."""
    from torch.nn import functional

    x = functional.pad(network.to_grid(x), padding)
    tokens: Tensor = network.patches(x).flatten(2).transpose(1, 2)
    tokens = network.dropout(tokens + network.positions.weight)
    scores: Tensor = network.head(network.norm(network.blocks(tokens)).mean(dim=1))
    return scores


def heads_of(width: int) -> int:
    """Attention heads: the divisor of ``width`` nearest below or at width / 16, at least 1.

    Examples
    --------
    >>> [heads_of(width) for width in (4, 16, 40, 64, 100)]
    [1, 1, 2, 4, 5]
    """
    return max(h for h in range(1, max(1, width // HEAD_WIDTH) + 1) if width % h == 0)


def encoder(width: int, dropout: float) -> nn.Module:
    """Self-attention and a two-layer perceptron, each normalised first and added to its input.

    Of the perceptron's hidden units any may be cut.
    """
    from torch import nn

    from study.models.block import Block, Cut
    from study.models.dropout import StreamDropout

    return Block(
        partial(encode, heads=heads_of(width)),
        Cut("expand", "contract"),
        attention_norm=nn.LayerNorm(width),
        queries_keys_values=nn.Linear(width, 3 * width),
        mix=nn.Linear(width, width),
        mlp_norm=nn.LayerNorm(width),
        expand=nn.Linear(width, MLP_RATIO * width),
        contract=nn.Linear(MLP_RATIO * width, width),
        dropout=StreamDropout(dropout),
    )


def encode(block: Any, tokens: Tensor, *, heads: int) -> Tensor:
    """Map (batch, tokens, width) to the same shape."""
    from torch.nn import functional

    tokens = tokens + block.dropout(attend(block, block.attention_norm(tokens), heads))
    h = functional.gelu(block.expand(block.mlp_norm(tokens)))
    result: Tensor = tokens + block.dropout(block.contract(h))
    return result


def attend(block: Any, tokens: Tensor, heads: int) -> Tensor:
    """Multi-head self-attention, written out so that every product is counted."""
    batch, n_tokens, width = tokens.shape
    split = block.queries_keys_values(tokens).view(batch, n_tokens, 3, heads, -1)
    queries, keys, values = split.permute(2, 0, 3, 1, 4).unbind(0)
    products = queries @ keys.transpose(-2, -1) / math.sqrt(width // heads)
    mixed = (products.softmax(dim=-1) @ values).transpose(1, 2)
    result: Tensor = block.mix(mixed.reshape(batch, n_tokens, width))
    return result


def _initialise(module: nn.Module) -> None:
    """Glorot-uniform weights and zero biases (ViT's own initialisation of its dense layers)."""
    from torch import nn

    if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


FAMILY = Family(
    build=build,
    space=SearchSpace(
        (
            Axis("width", Int(4, 2048, step=4), "scientific", (16, 32, 64, 128)),
            Axis("depth", Int(1, 24), "scientific", (2, 4)),
            Axis("prune_ratio", Float(0.0, 0.999), "scientific", (0.0, 0.5, 0.9)),
            Axis("learning_rate", Float(1e-4, 1e-2, log=True), "nuisance"),
            Axis("weight_decay", Float(1e-4, 0.3, log=True), "nuisance"),
            Axis("dropout", Float(0.0, 0.3), "nuisance"),
            *OFF,
        )
    ),
    phrase="vision transformers",
)
