r"""LaTeX of a study: numbers for siunitx, and macros that look a number up by its dataset size.

``\payoffPoint{n1280}`` is the payoff point of the headline rule at 1,280 examples,
``\payoffPoint[plateau]{n1280}`` that of another rule. A key that does not exist stops LaTeX with an
error that lists those that do: a paper cannot go on quoting what a study no longer says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files

from analysis.export.entries import growth_entry, key_of, payoff_entries
from analysis.plots.print_figures import LETTERS
from analysis.plots.scripts import in_latin
from analysis.plots.venues import Venue
from analysis.study import StudyAnalysis
from analysis.table.columns import FIELDS
from analysis.table.names import plain_name
from analysis.words.rounding import Measured
from analysis.words.shape_rows import STANDINGS

_SPECIAL = LETTERS | {"%": r"\%", "<": r"$<$", ">": r"$>$"}

_GAP = 0.25
"""Inches between two columns; a venue whose width says otherwise gets what is left."""


def escape(text: str) -> str:
    r"""Text with LaTeX's special characters made plain.

    Examples
    --------
    >>> escape("n_parameters > 5%")
    'n\\_parameters $>$ 5\\%'
    """
    return "".join(_SPECIAL.get(letter) or in_latin(letter) for letter in text)


def unit_tex(size: str) -> str:
    """The unit of a size, as siunitx writes it; empty where it has none."""
    unit = FIELDS[size].unit if size in FIELDS else ""
    return unit and f"\\{unit}"


def number_tex(number: Measured | float | int, unit: str = "") -> str:
    r"""A number as siunitx sets it.

    Examples
    --------
    >>> number_tex(1280), number_tex(Measured(value=5234.0, low=3950.0, high=6600.0), r"\byte")
    ('\\num{1280}', '\\SI{5.2(8)e3}{\\byte}')
    """
    if isinstance(number, Measured):
        text = number.concise
    else:
        text = f"{number:.0f}" if float(number).is_integer() else f"{number:.6g}"
    return _num(text, unit)


def full_tex(number: Measured) -> str:
    r"""A number with its uncertainty, the arms of an asymmetric one set above each other.

    Examples
    --------
    >>> full_tex(Measured(value=0.034, low=0.025, high=0.055))
    '\\ensuremath{0.034^{+0.013}_{-0.005}}'
    """
    if number.symmetric:
        return number_tex(number)
    value, plus, minus, exponent = number.arms
    power = rf" \times 10^{{{exponent}}}" if exponent else ""
    return rf"\ensuremath{{{value}^{{+{plus}}}_{{-{minus}}}{power}}}"


def interval_tex(number: Measured, unit: str = "") -> str:
    """Both ends of an interval as siunitx sets them; open ends say so."""
    low, high = ends_tex(number, unit)
    return f"{low} to {high}"


def ends_tex(number: Measured, unit: str = "") -> tuple[str, str]:
    """The ends of an interval, each with its sign if it is open."""
    low, high = number.ends
    return (
        (r"$<$" if number.low_open else "") + _num(low, unit),
        (r"$>$" if number.high_open else "") + _num(high, unit),
    )


def _num(text: str, unit: str) -> str:
    return rf"\SI{{{text}}}{{{unit}}}" if unit else rf"\num{{{text}}}"


def macros(analysis: StudyAnalysis, captions: Mapping[str, str] | None = None) -> str:
    """Macros for every number that a text may quote, and for captions by the picture's name."""
    s = analysis.settings
    unit = unit_tex(s.size)
    entries = payoff_entries(analysis)
    values = study_values(analysis)
    lines = [rf"\payoff@set{{value}}{{study}}{{{name}}}{{{text}}}" for name, text in values.items()]
    for e in entries:
        verdict = escape(e.verdict)
        absent = rf"\emph{{{verdict}}}"
        low, high = ends_tex(e.size, unit) if e.size else (absent, absent)
        parts = {
            "point": number_tex(e.size, unit) if e.size else absent,
            "interval": interval_tex(e.size, unit) if e.size else absent,
            "low": low,
            "high": high,
            "verdict": verdict,
            "error": full_tex(e.error) if e.error else absent,
            "probability": rf"\SI{{{100 * e.point.probability:.0f}}}{{\percent}}",
        }
        lines += [
            rf"\payoff@set{{{name}}}{{{e.point.rule}}}{{{e.key}}}{{{text}}}"
            for name, text in parts.items()
        ]
    lines += _shape_macros(analysis)
    for name, caption in (captions or {}).items():
        lines.append(rf"\payoff@set{{caption}}{{figure}}{{{name}}}{{{escape(caption)}}}")
    return _filled(
        "macros.tex",
        KEYS=", ".join(dict.fromkeys(e.key for e in entries)),
        RULES=", ".join(s.rules),
        NAMES=", ".join(values),
        RULE=s.rule,
        LINES="\n".join(lines),
    )


def _shape_macros(analysis: StudyAnalysis) -> list[str]:
    r"""``\payoffShape{KEY}`` and its like; nothing where shapes were not compared."""
    lines = []
    for one in analysis.shapes:
        if not one.choices:
            continue
        last, key = one.choices[-1], key_of(one.n_examples)
        parts = {
            "shape": escape(last.shape),
            "shapeStanding": escape(STANDINGS[last.standing]),
            "shapeProbability": rf"\SI{{{100 * last.probability:.0f}}}{{\percent}}",
            "shapeSize": number_tex(float(f"{last.size:.6g}"), unit_tex(analysis.settings.size)),
        }
        lines += [rf"\payoff@set{{{k}}}{{largest}}{{{key}}}{{{text}}}" for k, text in parts.items()]
    if lines:
        lines.insert(0, "% \\payoffShape{KEY}: the shape taken at the largest size compared, "
                     "\\payoffShapeSize{KEY}.")  # fmt: skip
        lines += [
            rf"\DeclareRobustCommand{{\payoff{name}}}[1]{{\payoff@get{{{name[0].lower()}{name[1:]}}}"
            r"{largest}{#1}}"
            for name in ("Shape", "ShapeStanding", "ShapeProbability", "ShapeSize")
        ]
    return lines


def study_values(analysis: StudyAnalysis) -> dict[str, str]:
    r"""Name -> LaTeX of the numbers of the whole study, for ``\payoffValue``."""
    s = analysis.settings
    replicates = sum(int(fit.curve.replicates.sum()) for fit in analysis.fits)
    values = {
        "sentence": escape(analysis.sentence),
        "trials": number_tex(analysis.n_trials),
        "replicates": number_tex(replicates),
        "undertrained": number_tex(analysis.undertrained),
        "level": rf"\SI{{{100 * s.level:g}}}{{\percent}}",
        "rule": s.rule,
        "marginal": _share(s.marginal),
        "plateau": _share(s.plateau),
        "upturn": _share(s.upturn),
        "resamples": number_tex(s.resamples),
        "size": escape(plain_name(s.size_name)),
        "error": escape(plain_name(s.error_name)),
    }
    growth = growth_entry(analysis)
    if growth is not None:
        values["growth"] = full_tex(growth)
        values["growthInterval"] = interval_tex(growth)
    return values


def _share(value: float) -> str:
    return rf"\SI{{{100 * value:.3g}}}{{\percent}}"


def example(
    venue: Venue, key: str, figures: Iterable[str], tables: Iterable[tuple[str, str]]
) -> str:
    """A document of all of an export on a venue's page; tables have their captions in LaTeX."""
    wide = venue.columns == 2 and venue.width >= venue.text_width
    figure = "figure*" if wide else "figure"
    floats = [
        f"\\begin{{{figure}}}\n\\centering\n\\payoffFigure{{{name}}}\n"
        f"\\caption{{\\payoffCaption{{{name}}}}}\n\\end{{{figure}}}\n"
        for name in figures
    ]
    table = "table*" if venue.columns == 2 else "table"
    tabulars = [
        f"\\begin{{{table}}}\n\\centering\n\\footnotesize\n\\caption{{{caption}.}}\n"
        f"\\input{{{name}}}\n\\end{{{table}}}\n"
        for name, caption in tables
    ]
    gap = _GAP if wide else venue.text_width - 2.0 * venue.width
    return _filled(
        "example.tex",
        VENUE=venue.name,
        WIDTH=f"{venue.text_width:.4g}",
        COLUMNS="two columns" if venue.columns == 2 else "one column",
        TWO=",twocolumn" if venue.columns == 2 else "",
        GAP=f"\\setlength{{\\columnsep}}{{{gap:.4g}in}}\n" if venue.columns == 2 else "",
        FONTS=venue.latex_fonts,
        KEY=key,
        FIGURES="".join(floats),
        TABLES="".join(tabulars),
    )


def _filled(name: str, **blanks: str) -> str:
    """A template of the assets with its blanks (``@NAME@``) filled."""
    text = (files("analysis.export") / "assets" / name).read_text(encoding="utf-8")
    for blank, fill in blanks.items():
        text = text.replace(f"@{blank}@", fill)
    return text
