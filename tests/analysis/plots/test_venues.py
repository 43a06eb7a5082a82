"""Figures at venue sizes: the venues' widths, type of 7 to 9 pt, embedded fonts, same bytes."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest
from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.text import Text
from tueplots import figsizes

from analysis import AnalysisSettings, StudyAnalysis, TrialTable, analyse
from analysis.errors import AnalysisError
from analysis.plots.gallery import PICTURES, pictures_of
from analysis.plots.print_figures import FORMATS, check_formats, write_printed
from analysis.plots.style import LAYOUT_TABLES, new_figure, printed
from analysis.plots.venues import VENUES, Venue
from tests.support.tables import study_rows


@pytest.fixture(scope="module")
def study() -> StudyAnalysis:
    table = TrialTable.from_rows(study_rows(pruned=True))
    return analyse(table, AnalysisSettings(rule="plateau", resamples=400))


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("icml", figsizes.icml2024_half),
        ("neurips", figsizes.neurips2024),
        ("iclr", figsizes.iclr2024),
        ("jmlr", figsizes.jmlr2001),
    ],
)
def test_widths_are_those_that_tueplots_knows(name: str, known: object) -> None:
    width, _ = known()["figure.figsize"]  # type: ignore[operator]
    assert VENUES[name].width == pytest.approx(width)


@pytest.mark.slow
@pytest.mark.parametrize("venue", VENUES.values(), ids=lambda venue: venue.name)
def test_all_text_has_seven_to_nine_points_and_stays_inside(
    study: StudyAnalysis, venue: Venue
) -> None:
    for picture in pictures_of(study):
        with printed(venue):
            figure = new_figure(venue.width, venue.height)
            picture.draw(study, figure.add_subplot())
            figure.draw_without_rendering()
            shown = _shown(figure)
        assert shown
        frame = figure.bbox
        for text in shown:
            assert 7.0 <= float(text.get_fontsize()) <= 9.0, (picture.name, text)
            box = text.get_window_extent()
            inside = (box.x0 > -1, box.y0 > -1, box.x1 < frame.x1 + 1, box.y1 < frame.y1 + 1)
            assert all(inside), (picture.name, text, box)


def _shown(figure: Figure) -> list[Text]:
    """What is really drawn: a tick beyond the limits of its axis is not."""
    beyond = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks() + axis.get_minor_ticks():
                if not low <= tick.get_loc() <= high:
                    beyond |= {tick.label1, tick.label2}
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    return [t for t in texts if t not in beyond and t.get_visible() and t.get_text().strip()]


@pytest.mark.slow
@pytest.mark.parametrize("venue", VENUES.values(), ids=lambda venue: venue.name)
def test_the_pdf_has_the_venue_s_size_and_type(
    study: StudyAnalysis, venue: Venue, tmp_path: Path
) -> None:
    for figure in write_printed(study, tmp_path, venue, ["pdf"]):
        raw = figure.files[0].read_bytes()
        width = float(re.findall(rb"/MediaBox \[ 0 0 ([\d.]+)", raw)[0]) / 72.0
        assert width == pytest.approx(venue.width, abs=0.01)
        sizes = {float(size) for size in re.findall(rb"/F\d+ ([\d.]+) Tf", _streams(raw))}
        assert sizes and min(sizes) >= 7.0 and max(sizes) <= 9.0
        assert raw.count(b"/FontFile2") >= 1  # TrueType, embedded
        assert b"/Type3" not in raw


def _streams(raw: bytes) -> bytes:
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", raw, re.DOTALL):
        try:
            found.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return b"\n".join(found)


@pytest.mark.slow
def test_embedded_fonts_are_outlines_without_tables_for_setting_text(
    study: StudyAnalysis, tmp_path: Path
) -> None:
    usual = subset.Options
    figure = write_printed(study, tmp_path, VENUES["icml"], ["pdf"])[0]
    raw = figure.files[0].read_bytes()
    parts = re.findall(rb"stream\r?\n(\x78.*?)endstream", raw, re.DOTALL)
    streams = [zlib.decompress(part) for part in parts]
    fonts = [TTFont(io.BytesIO(one)) for one in streams if one.startswith(b"\0\1\0\0")]
    assert fonts
    for font in fonts:
        assert {"glyf", "hmtx", "loca"} <= set(font.keys())
        assert set(font.keys()).isdisjoint(LAYOUT_TABLES)
    assert subset.Options is usual


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdffonts") is None, reason="pdffonts is not installed (poppler)")
def test_every_font_is_embedded(study: StudyAnalysis, tmp_path: Path) -> None:
    for venue in VENUES.values():
        for figure in write_printed(study, tmp_path, venue, ["pdf"]):
            said = subprocess.run(
                ["pdffonts", str(figure.files[0])], capture_output=True, text=True, check=True
            ).stdout.splitlines()[2:]
            assert said
            assert all(re.search(r"\byes\b", line) for line in said), said


@pytest.mark.latex
def test_every_format_is_the_same_byte_for_byte(study: StudyAnalysis, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first = write_printed(study, tmp_path, VENUES["icml"])
    second = write_printed(study, tmp_path / "again", VENUES["icml"])
    assert [figure.caption for figure in first] == [figure.caption for figure in second]
    for one, two in zip(first, second, strict=True):
        assert len(one.files) == len(FORMATS)
        for a, b in zip(one.files, two.files, strict=True):
            assert a.read_bytes() == b.read_bytes(), a.name


@pytest.mark.slow
def test_notes_go_to_the_caption_and_not_into_the_figure(
    study: StudyAnalysis, tmp_path: Path
) -> None:
    figure = write_printed(study, tmp_path, VENUES["neurips"], ["svg"])[0]
    assert figure.caption.startswith("Error against size")
    assert "90% interval" in figure.caption
    with rc_context():
        axes = Figure().add_subplot()
        PICTURES[0].draw(study, axes)
    assert "90% interval" in axes.get_title(loc="left")


def test_an_unknown_format_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(AnalysisError, match=r"formats: .* got 'pdg'.*"):
        check_formats(["pdg"])
