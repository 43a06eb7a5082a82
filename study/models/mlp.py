"""Multilayer perceptron: width and depth are those of its hidden layers.

Where the ranges come from
--------------------------
width, depth
    From a bottleneck of four units up, so that a curve shows where a model is too small, the
    passage between (where the grid is densest), and where it has room to spare. Networks of two
    units were left out: on ten classes they scatter by 12-18 points of error between seeds. The
    domains reach past the grid:
    Gorishniy et al. [1]_ tune 1 to 16 layers of 1 to 1,024 units; depth 0 is softmax regression.
prune_ratio
    0 and 0.8: dense, and a cut that wide networks bear and narrow ones don't. Han et al. [2]_
    prune LeNet-300-100 12x (a ratio of 0.92) at equal error, with iterative retraining; a short
    fine-tuning after one cut heals less.
learning_rate
    [1]_ tunes AdamW log-uniformly on [1e-5, 1e-2] for wide networks trained for long. Networks
    of few units want more: Adam's best rate falls like 1/width (Yang et al. [3]_), so the range
    is moved up to [1e-3, 3e-2].
weight_decay
    [1]_ uses log-uniform [1e-6, 1e-3] besides zero. Loshchilov & Hutter [4]_ find that the best
    decay falls with the square root of the number of steps; ours are few, so the range is moved
    up to [1e-3, 1].
dropout
    Uniform on [0, 0.3], the lower part of [0, 0.5] in [1]_ and [5]_: half the units of a narrow
    layer are more than it can spare.
    With few search trials a range costs what it is too wide: on 1,280 digits at width 256, the
    best of six had 1.9% test error with these three ranges and 2.4% with [3e-4, 1e-1],
    [1e-6, 1e-1] and [0, 0.5] (means of five searches, 400 steps).

References
----------
.. [1] Gorishniy, Rubachev, Khrulkov, Babenko. Revisiting Deep Learning Models for Tabular Data,
   NeurIPS 2021, supplement, MLP tuning space.
.. [2] Han, Pool, Tran, Dally. Learning both Weights and Connections, NeurIPS 2015, Table 1.
.. [3] Yang et al. Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter
   Transfer, 2022.
.. [4] Loshchilov, Hutter. Decoupled Weight Decay Regularization, ICLR 2019, normalised
   weight decay.
.. [5] Srivastava et al. Dropout, JMLR 15, 2014.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from search_spaces.domains import Float, Int
from search_spaces.space import Axis, SearchSpace
from study.models.family import OFF, Family

if TYPE_CHECKING:
    from torch import nn


def build(
    width: int, depth: int, dropout: float, input_shape: tuple[int, ...], n_outputs: int
) -> nn.Module:
    """``depth`` hidden layers of ``width`` units; depth 0 is logistic (or linear) regression."""
    return perceptron([width] * depth, dropout, math.prod(input_shape), n_outputs)


def perceptron(
    widths: Sequence[int], dropout: float, n_inputs: int, n_outputs: int
) -> nn.Sequential:
    """Hidden layers of the given widths, each followed by ReLU and dropout, then a linear layer.

    Initial weights: see :func:`study.models.weights.glorot`.

    Examples
    --------
    LeNet-300-100 (LeCun et al. 1998):

    >>> sum(p.numel() for p in perceptron([300, 100], 0.0, 784, 10).parameters())
    266610
    """
    from torch import nn

    from study.models.dropout import StreamDropout
    from study.models.weights import chain

    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in itertools.pairwise([n_inputs, *widths]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(), StreamDropout(dropout)]
    return chain(*layers, head=nn.Linear([n_inputs, *widths][-1], n_outputs))


def weights(width: int, depth: int, input_shape: tuple[int, ...], n_outputs: int) -> dict[str, int]:
    """Count the weights of each layer of what :func:`build` returns."""
    widths = [math.prod(input_shape), *[width] * depth, n_outputs]
    # A hidden layer is three modules: linear, ReLU and dropout, after the flattening.
    return {
        f"{1 + 3 * layer}.weight": inputs * outputs
        for layer, (inputs, outputs) in enumerate(itertools.pairwise(widths))
    }


FAMILY = Family(
    build=build,
    space=SearchSpace(
        (
            Axis("width", Int(1, 8192, log=True), "scientific", (4, 8, 16, 24, 32, 64, 128, 256)),
            Axis("depth", Int(0, 16), "scientific", (1, 2)),
            Axis("prune_ratio", Float(0.0, 0.999), "scientific", (0.0, 0.8)),
            Axis("learning_rate", Float(1e-3, 3e-2, log=True), "nuisance"),
            Axis("weight_decay", Float(1e-3, 1.0, log=True), "nuisance"),
            Axis("dropout", Float(0.0, 0.3), "nuisance"),
            *OFF,
        )
    ),
    phrase="multilayer perceptrons",
    weights=weights,
    padded_width=16,
)
