r"""A minimal document that ``\input``\ s all of an export, set like the venue's papers."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.plots.venues import Venue

_GAP = 0.25
"""Inches between two columns; a venue whose width says otherwise gets what is left."""

_DOCUMENT = r"""% Everything of the export in one document: pdflatex, bibtex, pdflatex, pdflatex.
% It stands in for the style file of @VENUE@: text @WIDTH@ in wide, @COLUMNS@.
\documentclass[10pt@TWO@]{article}
\usepackage[utf8]{inputenc}
\usepackage[textwidth=@WIDTH@in,textheight=9in]{geometry}
@GAP@@FONTS@
\setlength{\belowcaptionskip}{6pt}
\input{macros}
\begin{document}
\section*{Result}
\payoffSentence{}
The payoff point at the largest dataset is \payoffPoint{@KEY@}
(\payoffValue{level} interval \payoffInterval{@KEY@}).
@FIGURES@@TABLES@
\section*{Methods}
\input{methods}
\section*{Checklist}
\input{checklist}
\bibliographystyle{plain}
\bibliography{references}
\end{document}
"""


def example(
    venue: Venue, key: str, figures: Iterable[str], tables: Iterable[tuple[str, str]]
) -> str:
    """The document on a venue's page; tables come with their captions in LaTeX."""
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
    fills = {
        "VENUE": venue.name,
        "WIDTH": f"{venue.text_width:.4g}",
        "COLUMNS": "two columns" if venue.columns == 2 else "one column",
        "TWO": ",twocolumn" if venue.columns == 2 else "",
        "GAP": f"\\setlength{{\\columnsep}}{{{gap:.4g}in}}\n" if venue.columns == 2 else "",
        "FONTS": venue.latex_fonts,
        "KEY": key,
        "FIGURES": "".join(floats),
        "TABLES": "".join(tabulars),
    }
    text = _DOCUMENT
    for name, fill in fills.items():
        text = text.replace(f"@{name}@", fill)
    return text
