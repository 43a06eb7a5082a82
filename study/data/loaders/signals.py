"""MNIST-1D: ten classes of signals of 40 values, generated, as many as are wanted.

Greydanus and Kobak, Scaling Down Deep Learning with MNIST-1D, ICML 2024.
"""

from __future__ import annotations

import contextlib
import os
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from study.data.dataset import Examples, Loader

if TYPE_CHECKING:
    from study.data.source import DataSource

CLASSES = 10


def load(source: DataSource, base: Path, cache: Path | None) -> Examples:
    """Return the signals as ``(n_examples, 1, 40)``, one channel.

    The package scales all of them by one mean and one standard deviation.
    """
    x, y = _cached(source.n_examples, source.seed, cache)
    return Examples(
        x=x[:, None, :],
        y=y,
        task="classification",
        classes=tuple(str(label) for label in range(CLASSES)),
    )


def generate(n: int, seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Generate ``n`` (a multiple of 10) signals; the global random states stay as they were.

    A larger ``n`` does not contain a smaller one: every ``n`` is a data set of its own.
    """
    from mnist1d.data import get_dataset_args, make_dataset

    arguments = get_dataset_args()
    arguments.num_samples, arguments.seed = n, seed
    with _global_states_kept():
        made = make_dataset(arguments)
    x = np.concatenate([made["x"], made["x_test"]]).astype(np.float32)
    y = np.concatenate([made["y"], made["y_test"]]).astype(np.int64)
    if len(x) != n:
        raise ValueError(f"n: must be a multiple of {CLASSES}, got {n} (made {len(x)})")
    return x, y


@contextlib.contextmanager
def _global_states_kept() -> Iterator[None]:
    """The package seeds ``random`` and ``numpy.random``; put both back afterwards."""
    plain, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(plain)
        np.random.set_state(legacy)  # noqa: NPY002


def _cached(
    n: int, seed: int, cache: Path | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Read from ``cache``, else generate and keep; a file is complete or not there."""
    if cache is None:
        return generate(n, seed)
    from importlib.metadata import version

    file = cache / f"mnist1d-{version('mnist1d')}-n{n}-seed{seed}.npz"
    with contextlib.suppress(OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
            x, y = kept["x"], kept["y"]
        if x.shape == (n, 40) and y.shape == (n,):
            return x, y
    x, y = generate(n, seed)
    with contextlib.suppress(OSError):  # a full or read-only disk costs only the next start's time
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(f".{os.getpid()}.tmp")
        with unfinished.open("wb") as output:
            np.savez(output, x=x, y=y)
        unfinished.replace(file)
    return x, y


def check(source: DataSource, base: Path | None) -> list[str]:
    """Say so if the package cannot make so many."""
    count = source.n_examples
    if isinstance(count, bool) or not isinstance(count, int) or count < 30 or count % CLASSES:
        return [
            f"data.n_examples: must be a multiple of {CLASSES} (ten classes) of at least 30, "
            f"got {count!r}; round it"
        ]
    return []


REFERENCES = {
    "greydanus2024scaling": """@inproceedings{greydanus2024scaling,
  title = {Scaling Down Deep Learning with {MNIST-1D}},
  author = {Greydanus, Sam and Kobak, Dmitry},
  booktitle = {International Conference on Machine Learning},
  year = {2024},
}""",
}

LOADER = Loader(
    load=load,
    uses=frozenset({"n_examples"}),
    check=check,
    words="generated",
    references=lambda source: REFERENCES,
)
