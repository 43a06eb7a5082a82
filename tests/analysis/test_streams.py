"""Every draw of an analysis comes from a named stream, whose numbers hold still."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import analysis
from analysis.streams import Stream, generator

KEYS = {
    Stream.DATA: (),
    Stream.NEW_RUN: (1,),
    Stream.FORECAST: (2,),
    Stream.PAYOFF_POINTS: (3,),
    Stream.GROWTH: (4,),
    Stream.EFFECTS: (5,),
    Stream.ROUTE: (7,),
    Stream.LUCK: (8,),
    Stream.FRONT: (9,),
    Stream.BEST_VALUES: (10,),
    Stream.NEXT_POINTS: (14,),
    Stream.BUDGETS: (11,),
    Stream.NEXT_RUNS: (12,),
    Stream.LONGER: (13,),
}
"""Earlier results are found again by them: they never change."""


@pytest.mark.parametrize("stream", Stream)
def test_a_stream_is_the_seed_the_dataset_size_and_its_number(stream: Stream) -> None:
    for given, key in {
        (): (3, *KEYS[stream]),
        (80,): (3, 80, *KEYS[stream]),
        (-1,): (3, 0, *KEYS[stream]),
        (80, 2): (3, 80, *KEYS[stream], 2),
    }.items():
        drawn = generator(3, stream, *given).random(4)
        np.testing.assert_array_equal(drawn, np.random.default_rng(key).random(4))


def test_no_other_file_makes_generators() -> None:
    names = ("default_rng", "SeedSequence")
    makers = {
        str(path.relative_to(Path(analysis.__file__).parent))
        for path in Path(analysis.__file__).parent.rglob("*.py")
        if any(name in path.read_text() for name in names)  # it is quicker to look than to parse
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in names
    }
    assert makers == {"streams.py"}
