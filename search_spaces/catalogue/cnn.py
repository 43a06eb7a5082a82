"""Default space of the plain convolutional network: ``width`` channels in the first stage.

Where the ranges come from
--------------------------
width, depth
    Nakkiran et al. [1]_ scale their five-layer network by its first stage's channels, 1 to 64
    (doubling at each stage); double descent shows inside that range. Depth counts
    convolutional layers: two to three halve images of 8 to 32 pixels as far as they go.
prune_ratio
    0, 0.5 and 0.9: Frankle & Carbin [2]_ train convolutional networks cut to 10-20% of their
    weights to the accuracy of the whole, and lose some beyond that.
learning_rate
    [1]_ trains with Adam at 1e-4 (for 4,000 epochs), and Kingma & Ba [3]_ recommend 1e-3. Small
    widths and short trainings want the upper part: [1e-4, 3e-2], by our own choice.
weight_decay
    As for the perceptron; 5e-4 is customary with SGD (Zagoruyko & Komodakis [4]_).
dropout
    Uniform on [0, 0.5]; [4]_ finds 0.3 (CIFAR) and 0.4 (SVHN) between
    convolutions.

References
----------
.. [1] Nakkiran et al. Deep Double Descent, ICLR 2020.
.. [2] Frankle, Carbin. The Lottery Ticket Hypothesis, ICLR 2019, section 3.
.. [3] Kingma, Ba. Adam: A Method for Stochastic Optimization, ICLR 2015.
.. [4] Zagoruyko, Komodakis. Wide Residual Networks, BMVC 2016.
"""

from __future__ import annotations

from search_spaces.domains import Float, Int
from search_spaces.space import Axis, SearchSpace


def default_space() -> SearchSpace:
    """Return the space this file's docstring describes."""
    return SearchSpace(
        (
            Axis("width", Int(1, 1024, log=True), "scientific", (2, 4, 8, 16, 32)),
            Axis("depth", Int(1, 8), "scientific", (2, 3)),
            Axis("prune_ratio", Float(0.0, 0.999), "scientific", (0.0, 0.5, 0.9)),
            Axis("learning_rate", Float(1e-4, 3e-2, log=True), "nuisance"),
            Axis("weight_decay", Float(1e-6, 1e-1, log=True), "nuisance"),
            Axis("dropout", Float(0.0, 0.5), "nuisance"),
            Axis("l1", Float(0.0, 1.0), "fixed", (0.0,)),
            Axis("label_smoothing", Float(0.0, 0.5), "fixed", (0.0,)),
        )
    )
