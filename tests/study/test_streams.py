from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from study.streams import (
    BatchStream,
    DropoutStream,
    Stream,
    private_generators,
    sequence,
    torch_seed,
)


def test_each_purpose_stage_and_seed_has_a_stream_of_its_own() -> None:
    keys = list(itertools.product(range(20), Stream, (0, 1)))

    assert len({torch_seed(*key) for key in keys}) == len(keys)


def test_seeds_mean_the_same_for_ever() -> None:
    """Golden values: if they change, no earlier trial can be reproduced."""
    assert torch_seed(0, Stream.WEIGHTS) == 2_635_072_618_980_576_772
    assert BatchStream(5, 2, seed=0).epoch().tolist() == [[4, 0], [1, 2]]
    assert DropoutStream(0).draws((4,)).tolist() == [-4939, 10885, 28629, 26700]


@pytest.mark.parametrize(("n", "batch"), [(10, 3), (12, 3), (7, 6), (1, 1), (65, 64)])
def test_an_epoch_is_a_permutation_cut_into_whole_batches(n: int, batch: int) -> None:
    stream = BatchStream(n, batch, seed=1)

    for _ in range(5):
        epoch = stream.epoch()
        assert epoch.shape == (n // batch, batch)
        assert len(np.unique(epoch)) == epoch.size
        assert epoch.min() >= 0 and epoch.max() < n


def test_every_example_is_as_likely_as_any_other() -> None:
    stream = BatchStream(10, 4, seed=2)

    counts = np.bincount(np.concatenate([stream.epoch().ravel() for _ in range(5000)]))

    # 40,000 places of which each example has 0.1; the standard deviation is 28.
    assert np.all(np.abs(counts - 4000) < 5 * 28)


@pytest.mark.parametrize("n", [1, 5, 8])
def test_a_subset_no_larger_than_the_batch_is_one_full_batch_in_order(n: int) -> None:
    batches = list(itertools.islice(BatchStream(n, 8, seed=0), 3))

    assert all(np.array_equal(batch, np.arange(n)) for batch in batches)


def test_batches_go_on_from_epoch_to_epoch() -> None:
    one, other = BatchStream(9, 2, seed=3), BatchStream(9, 2, seed=3)

    batches = list(itertools.islice(one, 12))

    assert np.array_equal(np.array(batches), np.concatenate([other.epoch() for _ in range(3)]))


def test_batches_and_words_come_from_the_stated_generators() -> None:
    generator = np.random.Generator(np.random.SFC64(sequence(4, Stream.BATCHES, 1)))
    expected = [generator.permutation(6)[:6].reshape(3, 2) for _ in range(2)]

    stream = BatchStream(6, 2, seed=4, stage=1)

    assert all(np.array_equal(stream.epoch(), epoch) for epoch in expected)
    words = np.random.SFC64(sequence(4, Stream.DROPOUT)).random_raw(10_000)
    assert np.array_equal(DropoutStream(4).words(10_000), words)


def test_private_generators_are_seeded_and_put_back() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)

    with private_generators(5):
        first = torch.rand(2)
    after = torch.rand(3)
    with private_generators(5):
        again = torch.rand(2)

    assert torch.equal(first, again)
    assert torch.equal(after, expected)
