"""Published image data sets that torchvision knows, from disk or fetched, with their own test sets.

MNIST (LeCun et al. 1998), FashionMNIST (Xiao et al. 2017), KMNIST (Clanuwat et al. 2018), CIFAR-10
and CIFAR-100 (Krizhevsky 2009), SVHN (Netzer et al. 2011; its "extra" part is left out).
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from study.data.dataset import Examples, Loader, resolve
from study.errors import DataError

if TYPE_CHECKING:
    from study.data.source import DataSource

PIXEL_RANGE = 255


def load(source: DataSource, base: Path, cache: Path | None) -> Examples:
    """Return the images as (examples, channels, height, width) in [0, 1]."""
    root = resolve(source.root, base)
    train, test = (_part(source, root, train=train) for train in (True, False))
    labels = _labels(train)
    classes = tuple(getattr(train, "classes", [str(k) for k in range(int(labels.max()) + 1)]))
    for part in (train, test):
        _check(_labels(part), len(classes), len(part.data), source.name, root)
    return Examples(
        x=_pixels(train),
        y=labels,
        x_test=_pixels(test),
        y_test=_labels(test),
        task="classification",
        classes=classes,
    )


def _part(source: DataSource, root: Path, *, train: bool) -> Any:
    from torchvision import datasets

    kind = getattr(datasets, source.name)
    which = {"split": "train" if train else "test"} if source.name == "SVHN" else {"train": train}
    try:
        return kind(str(root), download=source.download, **which)
    except (
        RuntimeError,
        OSError,
        ValueError,
        AssertionError,
        EOFError,
        KeyError,
        pickle.UnpicklingError,
    ) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        if source.download:
            raise DataError(
                f"data.download: {source.name} cannot be fetched into {root}, got {words}; check "
                "the network and the folder, or put the files there yourself"
            ) from error
        if "not found" in words.lower():
            raise DataError(
                f"data.root: must hold the files of {source.name} as torchvision lays them out, "
                f"got {root} ({words}); correct it or set data.download = true"
            ) from error
        raise DataError(
            f"data.root: the files of {source.name} must be whole, got {root} ({words}); "
            "delete them and set data.download = true"
        ) from error


def _labels(part: Any) -> npt.NDArray[np.int64]:
    """MNIST and CIFAR call them targets, SVHN labels."""
    found = part.labels if hasattr(part, "labels") else part.targets
    return np.asarray(found).astype(np.int64)


def _pixels(part: Any) -> npt.NDArray[np.float32]:
    data = np.asarray(part.data)
    if data.ndim == 3:  # MNIST and its like: no channels
        data = data[:, None]
    elif data.shape[-1] == 3 and data.shape[1] != 3:  # CIFAR: channels last
        data = data.transpose(0, 3, 1, 2)
    pixels = np.ascontiguousarray(data, dtype=np.float32)
    pixels /= PIXEL_RANGE
    return pixels


def _check(
    labels: npt.NDArray[np.int64], n_classes: int, n_images: int, name: str, root: Path
) -> None:
    if len(labels) != n_images:
        raise DataError(
            f"data.root: {name} must have one label an image, got {len(labels)} labels for "
            f"{n_images} images in {root}; fetch the files again"
        )
    outside = (labels < 0) | (labels >= n_classes)
    if outside.any():
        raise DataError(
            f"data.root: labels of {name} must be 0 to {n_classes - 1}, got "
            f"{int(labels[outside][0])} ({int(outside.sum())} images) in {root}; fetch the files "
            "again"
        )


REFERENCES = {
    "lecun1998gradient": """@article{lecun1998gradient,
  title = {Gradient-Based Learning Applied to Document Recognition},
  author = {LeCun, Yann and Bottou, L{\\'e}on and Bengio, Yoshua and Haffner, Patrick},
  journal = {Proceedings of the IEEE},
  volume = {86},
  number = {11},
  pages = {2278--2324},
  year = {1998},
}""",
    "xiao2017fashion": """@misc{xiao2017fashion,
  title = {Fashion-{MNIST}: a Novel Image Dataset for Benchmarking Machine Learning Algorithms},
  author = {Xiao, Han and Rasul, Kashif and Vollgraf, Roland},
  year = {2017},
  note = {arXiv:1708.07747},
}""",
    "clanuwat2018deep": """@misc{clanuwat2018deep,
  title = {Deep Learning for Classical {J}apanese Literature},
  author = {Clanuwat, Tarin and Bober-Irizar, Mikel and Kitamoto, Asanobu and Lamb, Alex and
            Yamamoto, Kazuaki and Ha, David},
  year = {2018},
  note = {arXiv:1812.01718},
}""",
    "krizhevsky2009learning": """@techreport{krizhevsky2009learning,
  title = {Learning Multiple Layers of Features from Tiny Images},
  author = {Krizhevsky, Alex},
  institution = {University of Toronto},
  year = {2009},
}""",
    "netzer2011reading": """@inproceedings{netzer2011reading,
  title = {Reading Digits in Natural Images with Unsupervised Feature Learning},
  author = {Netzer, Yuval and Wang, Tao and Coates, Adam and Bissacco, Alessandro and Wu, Bo and Ng,
            Andrew Y.},
  booktitle = {NIPS Workshop on Deep Learning and Unsupervised Feature Learning},
  year = {2011},
}""",
}

CITED = {
    "MNIST": "lecun1998gradient",
    "FashionMNIST": "xiao2017fashion",
    "KMNIST": "clanuwat2018deep",
    "CIFAR10": "krizhevsky2009learning",
    "CIFAR100": "krizhevsky2009learning",
    "SVHN": "netzer2011reading",
}

LOADER = Loader(
    load=load,
    uses=frozenset({"root", "download"}),
    requires=frozenset({"root"}),
    own_test=True,
    references=lambda source: {CITED[source.name]: REFERENCES[CITED[source.name]]},
)
