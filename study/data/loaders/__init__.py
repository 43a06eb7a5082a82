"""The kinds of data: one a file, each with a ``LOADER``, and one line here."""

from __future__ import annotations

from study.data.dataset import Loader
from study.declared import declared

LOADERS: dict[str, str] = {
    "digits": "study.data.loaders.digits",
    "mnist1d": "study.data.loaders.signals",
    "MNIST": "study.data.loaders.published_images",
    "FashionMNIST": "study.data.loaders.published_images",
    "KMNIST": "study.data.loaders.published_images",
    "CIFAR10": "study.data.loaders.published_images",
    "CIFAR100": "study.data.loaders.published_images",
    "SVHN": "study.data.loaders.published_images",
    "ImageFolder": "study.data.loaders.image_folder",
    "table": "study.data.loaders.table",
    "function": "study.data.loaders.function",
}
"""``data.name`` -> module whose ``LOADER`` reads it."""


def loader(name: str) -> Loader:
    """Return the loader of ``data.name``; importing it is cheap (numpy at most)."""
    return declared(LOADERS[name], Loader)
