"""The embedded data: scikit-learn's digits and generated MNIST-1D."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from study.data.dataset import Dataset
from study.data.loaders.signals import generate
from study.data.registry import load_dataset
from study.data.source import DataSource


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset(DataSource(test_sets="fixed"), base=Path())


def test_digits_are_divided_into_360_and_157_and_1280(digits: Dataset) -> None:
    assert (len(digits.x_test), digits.n_validation, digits.pool) == (360, 157, 1280)
    assert digits.input_shape == (1, 8, 8)
    assert (digits.n_outputs, digits.task) == (10, "classification")
    assert digits.classes == tuple("0123456789")
    assert digits.x_development.dtype == np.float32 and digits.y_development.dtype == np.int64
    assert (digits.x_development.min(), digits.x_development.max()) == (0.0, 1.0)
    assert digits.duplicates == 0 and digits.notes == ()


def test_digits_keep_every_example_with_its_label(digits: Dataset) -> None:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    wanted = sorted((row.tobytes(), label) for row, label in zip(pixels / 16, labels, strict=True))
    x = np.concatenate([digits.x_development, digits.x_test]).reshape(-1, 64).astype(np.float64)
    y = np.concatenate([digits.y_development, digits.y_test])
    assert sorted((row.tobytes(), label) for row, label in zip(x, y, strict=True)) == wanted


def test_the_test_set_holds_the_classes_in_proportion(digits: Dataset) -> None:
    from sklearn.datasets import load_digits

    everything = np.bincount(load_digits(return_X_y=True)[1])
    share = everything * 360 / 1797
    held = np.bincount(digits.y_test.astype(np.int64))
    assert np.all((held >= np.floor(share)) & (held <= np.ceil(share)))


def test_the_seed_and_only_the_seed_moves_the_test_set(digits: Dataset) -> None:
    again = load_dataset(DataSource(test_sets="fixed"), base=Path("/"))
    other = load_dataset(DataSource(test_sets="fixed", seed=1), base=Path())
    assert again.digest == digits.digest
    assert other.digest != digits.digest
    assert not np.array_equal(other.x_test, digits.x_test)


def test_the_digest_is_golden(digits: Dataset) -> None:
    """It names the data of published studies: change it only with a note in the changelog."""
    assert digits.digest == "64fa793eabe16ba7bab10a349142196b46e0b24c2edaca83fc65d02fa1659424"


def test_arrays_are_read_only(digits: Dataset) -> None:
    for array in (digits.x_development, digits.y_development, digits.x_test, digits.y_test):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_label_noise_changes_an_exact_number_of_labels_and_no_test_label(digits: Dataset) -> None:
    noisy = load_dataset(DataSource(test_sets="fixed", label_noise=0.15), base=Path())
    changed = noisy.y_development != digits.y_development
    assert changed.sum() == round(0.15 * 1437) == 216
    assert np.array_equal(noisy.y_test, digits.y_test)
    assert np.array_equal(noisy.x_development, digits.x_development)
    assert len(np.unique(noisy.y_development[changed])) == 10
    assert noisy.digest != digits.digest
    assert noisy.notes == (
        "label noise: 216 of 1437 labels outside the test set were replaced by a wrong class; "
        "the test set is clean",
    )


def test_counts_and_shares_size_the_parts() -> None:
    by_share = load_dataset(DataSource(test_sets="fixed", test=0.5, validation=0.25), base=Path())
    assert (len(by_share.x_test), by_share.n_validation) == (898, 225)
    by_count = load_dataset(DataSource(test_sets="fixed", test=100, validation=1), base=Path())
    assert (len(by_count.x_test), by_count.n_validation, by_count.pool) == (100, 1, 1696)


def test_signals_are_the_packages_own() -> None:
    from mnist1d.data import get_dataset_args, make_dataset

    x, y = generate(200, seed=42)
    state = np.random.get_state()  # noqa: NPY002
    arguments = get_dataset_args()
    arguments.num_samples = 200
    made = make_dataset(arguments)
    np.random.set_state(state)  # noqa: NPY002
    assert np.array_equal(x, np.concatenate([made["x"], made["x_test"]]).astype(np.float32))
    assert np.array_equal(y, np.concatenate([made["y"], made["y_test"]]))


def test_signals_come_in_any_number_and_leave_the_global_generators_alone() -> None:
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    expected = (random.random(), np.random.rand())  # noqa: NPY002
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    source = DataSource(name="mnist1d", n_examples=600, seed=3, test_sets="fixed")
    data = load_dataset(source, base=Path())
    assert (random.random(), np.random.rand()) == expected  # noqa: NPY002
    assert data.input_shape == (1, 40)
    assert (len(data.x_test), data.n_validation, data.pool) == (120, 48, 432)
    assert np.bincount(data.y_test.astype(np.int64)).tolist() == [12] * 10
    with pytest.raises(ValueError, match="multiple of 10, got 205"):
        generate(205, seed=0)


def test_signals_are_kept_in_the_cache_and_a_broken_file_is_made_again(tmp_path: Path) -> None:
    source = DataSource(name="mnist1d", n_examples=100)
    fresh = load_dataset(source, base=tmp_path)
    first = load_dataset(source, base=tmp_path, cache=tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    written = file.stat().st_mtime_ns
    second = load_dataset(source, base=tmp_path, cache=tmp_path / "cache")
    assert file.stat().st_mtime_ns == written
    file.write_bytes(file.read_bytes()[:500])
    third = load_dataset(source, base=tmp_path, cache=tmp_path / "cache")
    assert file.stat().st_mtime_ns != written
    assert {fresh.digest, first.digest, second.digest, third.digest} == {fresh.digest}


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    source = DataSource(name="mnist1d", n_examples=100)
    data = load_dataset(source, base=tmp_path, cache=tmp_path / "cache")
    assert data.digest == load_dataset(source, base=tmp_path).digest
