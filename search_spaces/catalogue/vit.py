"""Default space of the small Vision Transformer: embedding ``width``, ``depth`` encoder blocks.

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

from search_spaces.domains import Float, Int
from search_spaces.space import Axis, SearchSpace


def default_space() -> SearchSpace:
    """Return the space this file's docstring describes."""
    return SearchSpace(
        (
            Axis("width", Int(4, 2048, step=4), "scientific", (16, 32, 64, 128)),
            Axis("depth", Int(1, 24), "scientific", (2, 4)),
            Axis("prune_ratio", Float(0.0, 0.999), "scientific", (0.0, 0.5, 0.9)),
            Axis("learning_rate", Float(1e-4, 1e-2, log=True), "nuisance"),
            Axis("weight_decay", Float(1e-4, 0.3, log=True), "nuisance"),
            Axis("dropout", Float(0.0, 0.3), "nuisance"),
            Axis("l1", Float(0.0, 1.0), "fixed", (0.0,)),
            Axis("label_smoothing", Float(0.0, 0.5), "fixed", (0.0,)),
        )
    )
