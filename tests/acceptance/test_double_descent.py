"""The known answer of MNIST-1D with wrong labels: the error turns up inside the range."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from study.spec.writing import study_file
from tests.support.commands import payoff


@pytest.mark.slow
def test_double_descent_is_seen_and_not_smoothed_away(tmp_path: Path) -> None:
    text = study_file("double-descent", name="humps")
    fewer = "width = [9, 14, 20, 36, 50, 70, 140, 200]"
    text = "\n".join(
        {"width": fewer, "draws": "draws = 3"}.get(line.split(" = ")[0], line)
        for line in text.splitlines()
    )
    assert fewer in text
    (tmp_path / "humps.toml").write_text(text)
    done = payoff("run", "humps.toml", "--quiet", "--json", folder=tmp_path)
    result = json.loads(done.stdout)
    (overfit,) = [row for row in result["payoff"] if row["rule"] == "overfit"]
    assert overfit["verdict"] == "hurts_beyond"
    assert overfit["falls_again"]
    assert "turns up beyond" in result["sentence"]
    assert "inside the range" in result["sentence"]
    # The published curve has its peak at widths of 47 to 61.
    sizes = {width: 40 * width + width + width**2 + width + 10 * width + 10 for width in (20, 140)}
    assert sizes[20] < overfit["peak"] < sizes[140]
    assert overfit["size"] < overfit["peak"]
