"""Folders of real PNG files, one folder per class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from study.data.dataset import Dataset
from study.data.registry import load_dataset
from study.data.source import DataSource
from study.errors import DataError


def write(root: Path, n: int = 6, size: tuple[int, int] = (8, 8), classes: str = "ab") -> None:
    for label, name in enumerate(classes):
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(n):
            pixels = np.random.default_rng([label, index, n]).integers(0, 256, (*size, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{index}.png")


def load(root: Path, **fields: Any) -> Dataset:
    source = DataSource(name="ImageFolder", root=str(root), test_sets="fixed", **fields)
    return load_dataset(source, base=Path("/"))


def test_pixels_are_read_channels_first_and_classes_by_folder(tmp_path: Path) -> None:
    write(tmp_path, n=10)
    data = load(tmp_path)
    assert data.classes == ("a", "b")
    assert data.input_shape == (3, 8, 8)
    assert (len(data.x_test), data.n_validation, data.pool) == (4, 2, 14)
    assert np.bincount(data.y_test.astype(np.int64)).tolist() == [2, 2]
    everything = {row.tobytes() for row in np.concatenate([data.x_development, data.x_test])}
    with Image.open(tmp_path / "b/3.png") as image:
        wanted = np.asarray(image).astype(np.float32).transpose(2, 0, 1) / 255
    assert wanted.tobytes() in everything
    assert len(everything) == 20


def test_train_and_test_folders_are_the_two_parts(tmp_path: Path) -> None:
    write(tmp_path / "train", classes="abc")
    write(tmp_path / "test", n=3, classes="bc")
    data = load(tmp_path)
    assert (len(data.x_development), len(data.x_test), data.classes) == (18, 6, ("a", "b", "c"))
    assert data.y_test.tolist() == [1, 1, 1, 2, 2, 2]
    write(tmp_path / "test", n=1, classes="d")
    with pytest.raises(DataError, match=r"every class of test/ must be in train/ too, got d"):
        load(tmp_path)
    write(tmp_path / "train", classes="abcd")
    with pytest.raises(
        DataError, match=r"data.test: the data bring their own test set of 7, got 5"
    ):
        load(tmp_path, test=5)


def test_images_are_resized_and_made_gray(tmp_path: Path) -> None:
    write(tmp_path, size=(12, 20))
    data = load(tmp_path, image_size=4, grayscale=True)
    assert data.input_shape == (1, 4, 4)
    with Image.open(tmp_path / "a/0.png") as image:
        small = image.convert("L").resize((4, 4), Image.Resampling.BILINEAR)
    wanted = np.asarray(small).astype(np.float32) / 255
    rows = np.concatenate([data.x_development, data.x_test])[:, 0]
    assert any(np.array_equal(row, wanted) for row in rows)


def test_images_of_several_sizes_need_a_size(tmp_path: Path) -> None:
    write(tmp_path)
    Image.new("RGB", (9, 8)).save(tmp_path / "b" / "9.png")
    with pytest.raises(
        DataError, match=r"data.image_size: images must have one size, got \(8, 9\)"
    ):
        load(tmp_path)
    assert len(load(tmp_path, image_size=8).x_development) == 10
    write(tmp_path / "both/train")
    write(tmp_path / "both/test", size=(9, 9))
    with pytest.raises(DataError, match=r"data.image_size: train/ and test/ must have one size"):
        load(tmp_path / "both")


def test_folders_that_cannot_be_read_as_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data.root: must hold one folder of images per class"):
        load(tmp_path)
    write(tmp_path, classes="a")
    with pytest.raises(DataError, match=r"data.root: needs at least two classes, got 1 \(a\)"):
        load(tmp_path)
    write(tmp_path)
    (tmp_path / "b/broken.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"every image must be readable, got .*broken.png"):
        load(tmp_path)
    write(tmp_path / "half/train")
    with pytest.raises(DataError, match="a folder with train/ must have test/ beside it"):
        load(tmp_path / "half")
