"""Every prefix of an order is fair to every class: checked exactly, in whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from study.data.balance import balanced_order, groups_of

COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(lambda c: sum(c) > 0)


@settings(max_examples=200, deadline=None)
@given(counts=COUNTS, seed=st.integers(0, 1000))
def test_every_prefix_has_each_class_rounded_up_or_down(counts: list[int], seed: int) -> None:
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    total = len(groups)
    order = balanced_order(groups, total, np.random.default_rng(seed))
    assert sorted(order.tolist()) == list(range(total))
    for label, count in enumerate(counts):
        held = np.cumsum(groups[order] == label)
        share = np.arange(1, total + 1) * count
        assert np.all(held >= share // total)
        assert np.all(held <= -(-share // total))


@settings(max_examples=100, deadline=None)
@given(counts=COUNTS, seed=st.integers(0, 1000), data=st.data())
def test_a_shorter_order_is_a_prefix_of_a_longer_one(
    counts: list[int], seed: int, data: DataObject
) -> None:
    groups = np.repeat(np.arange(len(counts)), counts)
    long = data.draw(st.integers(0, len(groups)))
    short = data.draw(st.integers(0, long))
    orders = [balanced_order(groups, n, np.random.default_rng(seed)) for n in (short, long)]
    assert orders[0].tolist() == orders[1][:short].tolist()


def test_chance_decides_which_examples_and_which_group_come_first() -> None:
    groups = np.repeat([0, 1, 2, 3], 25)
    firsts = [balanced_order(groups, 1, np.random.default_rng(seed))[0] for seed in range(400)]
    by_group = np.bincount(groups[firsts], minlength=4)
    assert len(set(firsts)) > 90
    assert by_group.min() > 60  # 100 expected, standard deviation 8.7
    same = [balanced_order(groups, 50, np.random.default_rng(7)).tolist() for _ in range(2)]
    assert same[0] == same[1]


@pytest.mark.parametrize("n", [-1, 5])
def test_a_length_outside_the_examples_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=r"n: must be in \[0, 4\]"):
        balanced_order(np.zeros(4, dtype=np.int64), n, np.random.default_rng(0))


def test_no_examples_give_an_empty_order() -> None:
    assert len(balanced_order(np.zeros(0, dtype=np.int64), 0, np.random.default_rng(0))) == 0


def test_targets_are_grouped_by_tenths_and_ties_are_shared_out() -> None:
    targets = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    groups = groups_of(targets)
    assert np.bincount(groups).tolist() == [100] * 10
    assert all(targets[groups == k].max() <= targets[groups == k + 1].min() for k in range(9))
    assert np.bincount(groups_of(np.ones(40, dtype=np.float32))).tolist() == [4] * 10
    assert groups_of(np.array([2.0, 1.0], dtype=np.float32)).tolist() == [1, 0]
    assert groups_of(np.array([3, 0, 3])).tolist() == [3, 0, 3]
