"""Files whose numbers must be understood: which way is better, what a metric is, what a replicate.

``meaning.toml`` has a section for each file of ``meaning/``. Its keys:

========= ======================================================================================
options   of ``payoff fit``
asks      what the one line says that asks or refuses; without it the file is answered
truth     payoff point of the curve that the file's numbers scatter about; ``still``: the largest
          size pays
why       what the answer says where it cannot tell, with truth left out
better    which way the metric improves
transform how errors are made of it
of        what the fraction of the rule is of
used      rows that draw the curve
says      what ``--explain`` says, in parts
groups    one curve for each
finds     kinds of findings that must be there; truth may be left out beside them
========= ======================================================================================
"""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path
from typing import Any

import pytest

from study.cli import main

HERE = Path(__file__).parent
FILES: dict[str, dict[str, Any]] = tomllib.loads((HERE / "meaning.toml").read_text("utf-8"))
ANSWERED = [name for name, wanted in FILES.items() if "asks" not in wanted]
ASKED = [name for name, wanted in FILES.items() if "asks" in wanted]
LARGEST_SHIFT = 0.3
"""Of the logarithm of a payoff point: some three standard errors of nine sizes with five runs."""


def test_each_file_has_its_section_and_each_section_its_file() -> None:
    assert set(FILES) == {file.name for file in (HERE / "meaning").iterdir()}


def test_the_kinds_are_many() -> None:
    assert len(ANSWERED) >= 50 and len(ASKED) >= 15


@pytest.mark.parametrize("name", ANSWERED)
def test_it_is_understood(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = FILES[name]
    words = [str(HERE / "meaning" / name), *wanted["options"], "--explain"]
    assert main(["fit", *words, "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    if "groups" in wanted:
        assert sorted(found["groups"]) == wanted["groups"]
        analyses = list(found["groups"].values())
    else:
        analyses = [found]
    for analysis in analyses:
        right(analysis, wanted)
    for part in wanted.get("says", ()):
        assert part in err


def right(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """The answer is the truth's, and the table was understood."""
    account, settings = found["reading"], found["settings"]
    assert account["better"] == wanted.get("better", "lower")
    assert account["transform"] == wanted.get("transform", "")
    assert settings.get("of", "whole") == wanted.get("of", settings.get("of", "whole"))
    if "used" in wanted:
        assert account["rows_used"] == wanted["used"]
    assert set(wanted.get("finds", ())) <= {one["kind"] for one in found["findings"]}
    if "finds" in wanted and "truth" not in wanted:
        return
    answer = next(point for point in found["payoff"] if point["rule"] == "marginal")
    if "why" in wanted:
        assert answer["verdict"] == "cannot_tell" and wanted["why"] in answer["why"]
    elif wanted["truth"] == "still":
        assert answer["verdict"] == "still_paying", answer
    else:
        assert answer["verdict"] == "pays_off_until", answer
        assert abs(math.log(answer["size"] / wanted["truth"])) < LARGEST_SHIFT, answer


@pytest.mark.parametrize("name", ASKED)
def test_it_asks_in_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = FILES[name]
    assert main(["fit", str(HERE / "meaning" / name), *wanted["options"]]) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1
    assert err.startswith("payoff: ") and wanted["asks"] in err


@pytest.mark.parametrize("options", [(), ("--alike", "img_size,crop_pct")])
def test_a_score_and_its_error_have_one_answer_or_one_question(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (HERE / "meaning" / "image-sizes.csv").read_text("utf-8").splitlines()
    turned = [lines[0].replace("top1", "top1_err")]
    for line in lines[1:]:
        size, score, *rest = line.split(",")
        turned.append(",".join([size, f"{100 - float(score):.2f}", *rest]))
    said = []
    for column, text in (("top1", lines), ("top1_err", turned)):
        path = tmp_path / "models.csv"
        path.write_text("\n".join(text))
        status = main(["fit", str(path), "--size", "params", "--error", column, *options, "--json"])
        out, err = capsys.readouterr()
        if options:
            assert status == 0
            said.append(json.loads(out)["payoff"])
        else:
            assert status == 2
            said.append(err.replace("--error top1_err", "--error top1"))
    assert said[0] == said[1]
