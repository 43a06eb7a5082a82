"""torchvision's own classes, reading files in their real formats, written small."""

from __future__ import annotations

import functools
import gzip
import hashlib
import pickle
import struct
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.io

from study.data.dataset import Dataset
from study.data.registry import load_dataset
from study.data.source import DataSource
from study.data.subsets import draw_split
from study.errors import DataError

Bytes = npt.NDArray[np.uint8]


@pytest.fixture
def datasets() -> ModuleType:
    """Imported when it is used: it takes seconds, in each process that collects the tests."""
    from torchvision import datasets

    return datasets


def images(n: int, *shape: int, seed: int = 0) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def labels(n: int, classes: int = 10) -> Bytes:
    return (np.arange(n) % classes).astype(np.uint8)


def write_idx(file: Path, array: Bytes) -> None:
    """LeCun's format: magic number with type (8: bytes) and dimensions, big-endian sizes, data."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(header + array.tobytes())


def write_mnist(root: Path, name: str, *, n: int = 60, n_test: int = 20) -> tuple[Bytes, Bytes]:
    x, x_test = images(n, 28, 28), images(n_test, 28, 28, seed=1)
    raw = root / name / "raw"
    for prefix, pixels in (("train", x), ("t10k", x_test)):
        write_idx(raw / f"{prefix}-images-idx3-ubyte", pixels)
        write_idx(raw / f"{prefix}-labels-idx1-ubyte", labels(len(pixels)))
    return x, x_test


def load(tmp_path: Path, name: str, **fields: Any) -> Dataset:
    return load_dataset(DataSource(name=name, root="data", **fields), base=tmp_path)


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_idx_files_are_read_pixel_by_pixel(name: str, tmp_path: Path) -> None:
    x, x_test = write_mnist(tmp_path / "data", name)
    data = load(tmp_path, name)
    assert data.input_shape == (1, 28, 28)
    assert np.array_equal(data.x_development[:, 0], x.astype(np.float32) / 255)
    assert np.array_equal(data.x_test[:, 0], x_test.astype(np.float32) / 255)
    assert data.y_development.tolist() == labels(60).tolist()
    assert data.y_test.tolist() == labels(20).tolist()
    assert (data.n_outputs, len(data.classes), data.n_validation, data.pool) == (10, 10, 6, 54)
    split = draw_split(data, 54, 0, 0)
    assert split.x_train.mean() == pytest.approx(0, abs=1e-5)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """A web server over a folder of its own."""
    (tmp_path / "mirror").mkdir()
    handler = functools.partial(Quiet, directory=str(tmp_path / "mirror"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_mnist_is_fetched_from_a_mirror_and_unpacked(
    tmp_path: Path, mirror: str, monkeypatch: pytest.MonkeyPatch, datasets: ModuleType
) -> None:
    write_mnist(tmp_path / "made", "MNIST")
    resources = []
    for file in sorted((tmp_path / "made/MNIST/raw").iterdir()):
        packed = tmp_path / "mirror" / f"{file.name}.gz"
        packed.write_bytes(gzip.compress(file.read_bytes()))
        resources.append((packed.name, hashlib.md5(packed.read_bytes()).hexdigest()))
    monkeypatch.setattr(datasets.MNIST, "mirrors", [mirror])
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    fetched = load(tmp_path, "MNIST", download=True)
    assert fetched.digest == load(tmp_path, "MNIST").digest
    assert len(fetched.x_development) == 60


def test_a_download_that_fails_says_where_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, datasets: ModuleType
) -> None:
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:1/"])  # nothing listens
    with pytest.raises(
        DataError, match=r"^data.download: MNIST cannot be fetched into .*/data, got"
    ):
        load(tmp_path, "MNIST", download=True)


def test_missing_and_broken_files_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("MNIST", "CIFAR10", "CIFAR100", "SVHN"):
        with pytest.raises(
            DataError, match=r"data.root: must hold the files of .*data.download = true"
        ):
            load(tmp_path, name)
    write_mnist(tmp_path / "data", "MNIST")
    file = tmp_path / "data/MNIST/raw/train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"data.root: the files of MNIST must be whole, got"):
        load(tmp_path, "MNIST")


def test_labels_out_of_range_and_labels_short_are_refused(tmp_path: Path) -> None:
    write_mnist(tmp_path / "data", "MNIST")
    file = tmp_path / "data/MNIST/raw/train-labels-idx1-ubyte"
    wrong = labels(60)
    wrong[7] = 200
    write_idx(file, wrong)
    with pytest.raises(DataError, match=r"labels of MNIST must be 0 to 9, got 200 \(1 images\)"):
        load(tmp_path, "MNIST")
    write_idx(file, labels(59))
    with pytest.raises(DataError, match="one label an image, got 59 labels for 60 images"):
        load(tmp_path, "MNIST")


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes()).hexdigest()


@pytest.mark.parametrize(("name", "classes"), [("CIFAR10", 10), ("CIFAR100", 100)])
def test_cifar_batches_are_read_channels_first(
    name: str,
    classes: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    datasets: ModuleType,
) -> None:
    kind = getattr(datasets, name)
    folder = tmp_path / "data" / kind.base_folder
    folder.mkdir(parents=True)
    key = "labels" if name == "CIFAR10" else "fine_labels"
    written: dict[str, Bytes] = {}
    for attribute in ("train_list", "test_list"):
        sums = []
        for seed, (file, _) in enumerate(getattr(kind, attribute)):
            written[file] = images(2 * classes, 3, 32, 32, seed=seed + len(written))
            entry = {
                "data": written[file].reshape(-1, 3 * 32 * 32),
                key: labels(2 * classes, classes).tolist(),
            }
            (folder / file).write_bytes(pickle.dumps(entry, protocol=2))
            sums.append([file, md5(folder / file)])
        monkeypatch.setattr(kind, attribute, sums)
    meta = folder / kind.meta["filename"]
    names = [f"class {k}" for k in range(classes)]
    meta.write_bytes(pickle.dumps({kind.meta["key"]: names}, protocol=2))
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": md5(meta)})
    data = load(tmp_path, name)
    train = np.concatenate([written[file] for file, _ in kind.train_list])
    assert np.array_equal(data.x_development, train.astype(np.float32) / 255)
    assert data.y_development.tolist() == labels(2 * classes, classes).tolist() * len(
        kind.train_list
    )
    assert data.classes == tuple(names)
    assert len(data.x_test) == 2 * classes


def test_svhn_is_read_with_its_zero_as_class_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, datasets: ModuleType
) -> None:
    (tmp_path / "data").mkdir()
    split_list: dict[str, list[str]] = {k: list(v) for k, v in datasets.SVHN.split_list.items()}
    for split, n in (("train", 40), ("test", 20)):
        file = tmp_path / "data" / split_list[split][1]
        pixels = images(n, 32, 32, 3).transpose(1, 2, 3, 0)
        scipy.io.savemat(file, {"X": pixels, "y": (labels(n) + 1)[:, None]})
        split_list[split][2] = md5(file)
    monkeypatch.setattr(datasets.SVHN, "split_list", split_list)
    data = load(tmp_path, "SVHN")
    assert data.input_shape == (3, 32, 32)
    wanted = images(40, 32, 32, 3).transpose(0, 3, 1, 2).astype(np.float32) / 255
    assert np.array_equal(data.x_development, wanted)
    assert data.y_development.tolist() == ((labels(40) + 1) % 10).tolist()
    assert data.n_outputs == 10


def test_duplicates_across_the_published_split_are_found_and_dropped(tmp_path: Path) -> None:
    x, x_test = write_mnist(tmp_path / "data", "MNIST")
    x[[3, 4]] = x_test[11]
    x[8] = x[9]
    write_idx(tmp_path / "data/MNIST/raw/train-images-idx3-ubyte", x)
    data = load(tmp_path, "MNIST")
    assert (data.duplicates, len(data.x_development)) == (1, 60)
    assert data.notes == (
        "1 of 20 test inputs also occur outside the test set (kept)",
        "1 of 60 inputs outside the test set repeat an earlier one, so training and validation "
        "may share them",
    )
    dropped = load(tmp_path, "MNIST", duplicates="drop")
    assert (dropped.duplicates, len(dropped.x_development)) == (0, 57)
    assert np.array_equal(dropped.x_test, data.x_test)
    assert dropped.y_development.tolist() == np.delete(labels(60), [3, 4, 9]).tolist()
    assert dropped.notes[0].endswith("; the 2 examples there were dropped")
    assert dropped.digest != data.digest
