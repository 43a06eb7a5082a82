"""Default space of the residual network: ``width`` channels, ``depth`` blocks a stage.

Where the ranges come from
--------------------------
width, depth
    He et al. [1]_ use 16 channels on CIFAR with 3, 5, 7, 9 or 18 blocks a stage (ResNet-20 to
    ResNet-110); Zagoruyko & Komodakis [2]_ widen those 16 channels 1 to 12 times; Nakkiran et
    al. [3]_ go down to a single channel and up to 64. The grid keeps what trains in minutes.
prune_ratio
    0, 0.5 and 0.9: Frankle & Carbin [4]_ cut ResNet-18 on CIFAR-10 to between a third and a tenth
    of its weights before it suffers.
learning_rate
    [1]_ trains with SGD at 0.1, [3]_ with Adam at 1e-4. Batch normalisation bears a wide band, so
    the range is [1e-4, 3e-2] for AdamW, by our own choice; with SGD use [1e-2, 1].
weight_decay
    1e-4 with SGD in [1]_, 5e-4 in [2]_. Decoupled decay (Loshchilov & Hutter [5]_) is scaled by
    the learning rate, so that its useful values lie far higher: the range ends at 1e-1.
dropout
    Uniform on [0, 0.4]: [2]_ cross-validates 0.3 on CIFAR and 0.4 on SVHN.

References
----------
.. [1] He, Zhang, Ren, Sun. Deep Residual Learning, CVPR 2016, section 4.2.
.. [2] Zagoruyko, Komodakis. Wide Residual Networks, BMVC 2016.
.. [3] Nakkiran et al. Deep Double Descent, ICLR 2020.
.. [4] Frankle, Carbin. The Lottery Ticket Hypothesis, ICLR 2019, section 4.
.. [5] Loshchilov, Hutter. Decoupled Weight Decay Regularization, ICLR 2019.
"""

from __future__ import annotations

from search_spaces.domains import Float, Int
from search_spaces.space import Axis, SearchSpace


def default_space() -> SearchSpace:
    """Return the space this file's docstring describes."""
    return SearchSpace(
        (
            Axis("width", Int(1, 512, log=True), "scientific", (2, 4, 8, 16)),
            Axis("depth", Int(1, 18), "scientific", (1, 2)),
            Axis("prune_ratio", Float(0.0, 0.999), "scientific", (0.0, 0.5, 0.9)),
            Axis("learning_rate", Float(1e-4, 3e-2, log=True), "nuisance"),
            Axis("weight_decay", Float(1e-6, 1e-1, log=True), "nuisance"),
            Axis("dropout", Float(0.0, 0.4), "nuisance"),
            Axis("l1", Float(0.0, 1.0), "fixed", (0.0,)),
            Axis("label_smoothing", Float(0.0, 0.5), "fixed", (0.0,)),
        )
    )
