"""Where the examples come from: the [data] section of a study file, checked before any is read."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from search_spaces.errors import nearest
from study.data.dataset import resolve
from study.data.loaders import LOADERS, loader

EVERYWHERE = frozenset(
    {"name", "seed", "test", "test_sets", "validation", "label_noise", "duplicates"}
)
"""Fields that every kind of data listens to."""


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """Which data, and how they are divided. :func:`check` finds every mistake at once."""

    name: str = "digits"
    """{known}."""
    root: str = ""
    """Folder of the image files. MNIST and its like: as torchvision lays them out. ImageFolder: one
    folder per class, or train/ and test/ with one folder per class in each."""
    download: bool = False
    """Fetch a published image data set into root if it is not there."""
    file: str = ""
    """Table: the .csv, .parquet or .npz file. An NPZ file holds arrays x, y and, if it has a test
    set of its own, x_test, y_test; target and features name other arrays than y and x."""
    test_file: str = ""
    """Table: another file whose rows are the test set."""
    target: str = ""
    """Table: the column to predict."""
    features: tuple[str, ...] = ()
    """Table: the columns to predict from, all numeric; empty: every other column, but an index of
    pandas that numbers the rows."""
    task: Literal["auto", "classification", "regression"] = "auto"
    """classification or regression; auto follows from the name. Tables and functions must say."""
    function: str = ""
    """Your own data, "file.py:name" or "module:name": called as name(), returns arrays x, y or
    x, y, x_test, y_test."""
    n_examples: int = 5000
    """mnist1d: how many examples to generate in all, a multiple of 10."""
    test: int | float = 0
    """Size of the test set: a count, or a share of all examples. 0: the data's own test set, else
    360 of digits' 1,797 and a fifth of any other data."""
    test_sets: Literal["auto", "rotate", "fixed"] = "auto"
    """rotate: each draw has its own test examples, taken from all that it does not train on, so
    that the luck of one test set does not decide; all draws share one validation set, of which no
    test set holds an example. fixed: one test set for all trials. auto: rotate, but fixed where the
    data or an own trainer bring a test set, and in studies that began before there was a choice."""
    validation: int | float = 0
    """Size of a validation set: a count, or a share of the examples outside the test set. 0:
    157 for digits, a tenth of any other data."""
    label_noise: float = 0.0
    """Share of the labels outside the test set replaced by a wrong one, drawn once. Test sets stay
    clean; validation sets are as noisy as training sets, as they would be in earnest."""
    duplicates: Literal["report", "drop"] = "report"
    """Examples outside the test set that equal, byte for byte, a test example or each other (where
    test sets rotate, any that equals an earlier one): report counts them, drop removes them."""
    seed: int = 0
    """Seeds a fixed test set, label noise and generated data. All draws follow study.seed."""
    image_size: int = 0
    """ImageFolder: resize to this many pixels a side; 0: all images must have one size."""
    grayscale: bool = False
    """ImageFolder: one channel instead of three."""

    @staticmethod
    def known() -> str:
        """Return the kinds of data that stand in the words on ``name``."""
        *most, last = (
            f"{name} ({words})" if (words := loader(name).words) else name for name in LOADERS
        )
        return f"{', '.join(most)} or {last}"


def may_rotate(source: DataSource) -> bool:
    """Whether test sets rotate, unless the data turn out to bring their own."""
    brought = loader(source.name).own_test or bool(source.test_file)
    return source.test_sets != "fixed" and not brought


def check(source: DataSource, base: Path | None = None) -> list[str]:
    """Return every mistake, each with its key, the rule, the value and the remedy.

    Nothing is loaded. With ``base``, the folder that relative paths start from, files and folders
    must also exist.
    """
    if source.name not in LOADERS:
        hint = nearest(str(source.name), LOADERS) or f"; use one of {', '.join(LOADERS)}"
        return [f"data.name: no such data, got {source.name!r}{hint}"]
    mistakes = _unused_and_missing(source) + _numbers(source)
    found = loader(source.name)
    if source.task not in ("auto", "classification", "regression"):
        mistakes.append(
            f"data.task: must be auto, classification or regression, got {source.task!r}; "
            "correct it"
        )
    if source.duplicates not in ("report", "drop"):
        mistakes.append(
            f"data.duplicates: must be report or drop, got {source.duplicates!r}; correct it"
        )
    if source.test_sets not in ("auto", "rotate", "fixed"):
        mistakes.append(
            f"data.test_sets: must be auto, rotate or fixed, got {source.test_sets!r}; correct it"
        )
    if source.test_sets == "rotate" and not may_rotate(source):
        mistakes.append(
            "data.test_sets: the data bring their own test set, got 'rotate'; set it to 'fixed'"
        )
    if source.label_noise and source.task == "regression":
        mistakes.append(
            f"data.label_noise: needs labels, got {source.label_noise!r} with "
            "task = 'regression'; set it to 0"
        )
    mistakes += found.check(source, base)
    if source.root and "root" in found.uses and base is not None and not source.download:
        folder = resolve(source.root, base)
        if not folder.is_dir():
            mistakes.append(f"data.root: there is no such folder, got {folder}; correct the path")
    return mistakes


def _unused_and_missing(source: DataSource) -> list[str]:
    found = loader(source.name)
    mistakes = []
    for field in dataclasses.fields(source):
        value = getattr(source, field.name)
        given = value != field.default
        if field.name in found.requires and not given:
            mistakes.append(
                f"data.{field.name}: must be given when name = {source.name!r}, "
                f"got {value!r}; add it"
            )
        if given and field.name not in found.uses | EVERYWHERE:
            mistakes.append(
                f"data.{field.name}: means nothing when name = {source.name!r}, "
                f"got {value!r}; remove it"
            )
    if found.own_test and source.test:
        mistakes.append(
            f"data.test: {source.name} has its own test set, got {source.test!r}; remove it"
        )
    if source.test_file and source.test:
        mistakes.append(
            f"data.test: the test set is in test_file, got {source.test!r}; remove one of the two"
        )
    return mistakes


def _numbers(source: DataSource) -> list[str]:
    mistakes = []
    for key in ("test", "validation"):
        value = getattr(source, key)
        if isinstance(value, float) and not (0 < value < 1 or value == 0):
            mistakes.append(
                f"data.{key}: a share must be in (0, 1), got {value!r}; "
                "write a count without a decimal point"
            )
        elif isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            mistakes.append(
                f"data.{key}: must be a count or a share below 1, got {value!r}; correct it"
            )
    noise = source.label_noise
    if isinstance(noise, bool) or not isinstance(noise, int | float) or not 0 <= noise < 1:
        mistakes.append(
            f"data.label_noise: must be in [0, 1), got {noise!r}; it is a share of the labels"
        )
    for key, low, high in (("seed", 0, 2**32 - 1), ("image_size", 0, 4096)):
        value = getattr(source, key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            mistakes.append(
                f"data.{key}: must be a whole number from {low} to {high}, got {value!r}; change it"
            )
    return mistakes
