"""Your own images: one folder per class, as torchvision's ImageFolder reads them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from study.data.dataset import Examples, Loader, resolve
from study.errors import DataError

if TYPE_CHECKING:
    from study.data.source import DataSource

PIXEL_RANGE = 255
TRAIN, TEST = "train", "test"


def load(source: DataSource, base: Path, cache: Path | None) -> Examples:
    """Return the images as (examples, channels, height, width) in [0, 1].

    Folders ``train`` and ``test`` below the root, if it has both, are the two parts; otherwise each
    folder is a class. Images are resized to squares by antialiased bilinear interpolation.
    """
    root = resolve(source.root, base)
    folders = sorted(entry.name for entry in root.iterdir() if entry.is_dir())
    if TRAIN in folders and TEST not in folders and set(folders) <= {TRAIN, "val", "valid"}:
        raise DataError(
            f"data.root: a folder with train/ must have test/ beside it, got {root}; rename a part "
            "to test, or name train/ itself as the root"
        )
    if not {TRAIN, TEST} <= set(folders):
        found = _folder(root)
        return Examples(
            x=_images(found.samples, source),
            y=np.array(found.targets, dtype=np.int64),
            task="classification",
            classes=tuple(found.classes),
        )
    train, test = _folder(root / TRAIN), _folder(root / TEST)
    unknown = sorted(set(test.classes) - set(train.classes))
    if unknown:
        raise DataError(
            f"data.root: every class of test/ must be in train/ too, got {', '.join(unknown)} in "
            f"{root / TEST}; rename or remove it"
        )
    names = [train.classes.index(name) for name in test.classes]
    x, x_test = _images(train.samples, source), _images(test.samples, source)
    if x.shape[1:] != x_test.shape[1:]:
        raise DataError(
            f"data.image_size: train/ and test/ must have one size, got {x.shape[1:]} and "
            f"{x_test.shape[1:]}; give a size to resize to"
        )
    return Examples(
        x=x,
        y=np.array(train.targets, dtype=np.int64),
        x_test=x_test,
        y_test=np.array([names[target] for target in test.targets], dtype=np.int64),
        task="classification",
        classes=tuple(train.classes),
    )


def _folder(root: Path) -> Any:
    from torchvision.datasets import ImageFolder

    try:
        found = ImageFolder(str(root))
    except (OSError, RuntimeError) as error:
        words = " ".join(str(error).split())
        raise DataError(
            f"data.root: must hold one folder of images per class, got {root} ({words}); add "
            "images or name another folder"
        ) from error
    if len(found.classes) < 2:
        raise DataError(
            f"data.root: needs at least two classes, got {len(found.classes)} "
            f"({', '.join(found.classes)}) in {root}; add a folder for each class"
        )
    return found


def _images(samples: list[tuple[str, int]], source: DataSource) -> npt.NDArray[np.float32]:
    from PIL import Image, UnidentifiedImageError

    mode = "L" if source.grayscale else "RGB"
    size = source.image_size
    images: npt.NDArray[np.float32] | None = None
    for index, (path, _) in enumerate(samples):
        try:
            with Image.open(path) as opened:
                image = opened.convert(mode)
        except (OSError, UnidentifiedImageError, SyntaxError) as error:
            raise DataError(
                f"data.root: every image must be readable, got {path} ({error}); repair or remove "
                "it"
            ) from error
        if size:
            image = image.resize((size, size), Image.Resampling.BILINEAR)
        pixels = np.asarray(image, dtype=np.float32) / PIXEL_RANGE
        pixels = pixels[None] if source.grayscale else pixels.transpose(2, 0, 1)
        if images is None:
            images = np.empty((len(samples), *pixels.shape), dtype=np.float32)
        if pixels.shape != images.shape[1:]:
            raise DataError(
                f"data.image_size: images must have one size, got {pixels.shape[1:]} in {path} and "
                f"{images.shape[2:]} before it; give a size to resize to"
            )
        images[index] = pixels
    assert images is not None
    return images


LOADER = Loader(
    load=load,
    uses=frozenset({"root", "image_size", "grayscale"}),
    requires=frozenset({"root"}),
)
