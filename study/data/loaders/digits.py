"""scikit-learn's digits: 1,797 images of 8 x 8 pixels with values from 0 to 16.

Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI repository, 1998 (its test
part, which is what scikit-learn ships).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from study.data.dataset import Examples, Loader

if TYPE_CHECKING:
    from study.data.source import DataSource

PIXEL_RANGE = 16


def load(source: DataSource, base: Path, cache: Path | None) -> Examples:
    """Return the images as ``(1797, 1, 8, 8)`` in [0, 1]."""
    pixels, labels = pixels_and_labels()
    return Examples(
        x=(pixels.reshape(-1, 1, 8, 8) / PIXEL_RANGE).astype(np.float32),
        y=labels.astype(np.int64),
        task="classification",
        classes=tuple("0123456789"),
    )


def pixels_and_labels() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the rows of 64 pixels and their labels, from the file that scikit-learn ships.

    Importing scikit-learn only to read it takes two seconds, in each worker.
    """
    package = find_spec("sklearn")
    if package is not None and package.origin is not None:
        file = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
        if file.is_file():
            rows = np.loadtxt(file, delimiter=",")
            return rows[:, :-1], rows[:, -1]
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return pixels, labels


REFERENCES = {
    "alpaydin1998digits": """@misc{alpaydin1998digits,
  title = {Optical Recognition of Handwritten Digits},
  author = {Alpaydin, E. and Kaynak, C.},
  howpublished = {UCI Machine Learning Repository},
  year = {1998},
  doi = {10.24432/C50P49},
}""",
    "pedregosa2011scikit": """@article{pedregosa2011scikit,
  title = {Scikit-learn: Machine Learning in {P}ython},
  author = {Pedregosa, Fabian and Varoquaux, Ga{\\"e}l and Gramfort, Alexandre and others},
  journal = {Journal of Machine Learning Research},
  volume = {12},
  pages = {2825--2830},
  year = {2011},
}""",
}

LOADER = Loader(
    load=load,
    default_test=360,
    default_validation=157,
    words="scikit-learn's, embedded",
    references=lambda source: REFERENCES,
)
"""A fifth for testing; validation leaves a training pool of 1,280 = 80 x 2^4."""
