"""Names in other scripts go through LaTeX."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from analysis.plots.scripts import in_latin
from study.cli import main

RUNS = Path(__file__).parents[2] / "tables" / "reading" / "base.csv"


@pytest.mark.parametrize(
    ("name", "latin"),
    [
        ("n_parameters ≤ 5 × 10", "n_parameters ≤ 5 × 10"),
        ("Größe café Łódź", "Größe café Łódź"),
        ("Ошибка теста", "Oshibka testa"),
        ("ểrror", "error"),
        ("大", "U+5927"),
        ("モデル", "moderu"),
        ("😀", "U+1F600"),
    ],
)
def test_letters_that_latex_does_not_know_are_latin(name: str, latin: str) -> None:
    assert in_latin(name) == latin


@pytest.mark.latex
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Glyph .* missing from:UserWarning")  # in PNG and PDF
def test_a_paper_of_names_in_other_scripts_compiles(tmp_path: Path) -> None:
    text = RUNS.read_text().replace("n_parameters", "大きさ", 1).replace("test_error", "ошибка", 1)
    (tmp_path / "t.csv").write_text(text)
    words = ["--size", "大きさ", "--error", "ошибка", "--resamples", "100", "--formats", "pgf,pdf"]
    assert main(["export", str(tmp_path / "t.csv"), "--to", str(tmp_path / "paper"), *words]) == 0
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "example.tex"],
        cwd=tmp_path / "paper",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "oshibka" in (tmp_path / "paper" / "macros.tex").read_text()
