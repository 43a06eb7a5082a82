"""Pieces of HTML: numbers and text made plain, tables, figures, lists."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from analysis.table.names import format_examples
from analysis.table.trials import UNKNOWN


def embedded_json(name: str, value: Any) -> str:
    r"""Data for the page's scripts; nothing in it can end the script or be read as markup.

    Examples
    --------
    >>> embedded_json("x", ["</script>"])
    '<script type="application/json" id="x">["\\u003c/script\\u003e"]</script>'
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return f'<script type="application/json" id="{name}">{text}</script>'


def table(
    rows: Sequence[Mapping[str, object]],
    *,
    caption: str,
    wide: Iterable[str] = (),
    words: Iterable[str] = (),
    parts: str = "",
) -> str:
    """A table of rows (heading -> cell), which scrolls by itself where it is too wide.

    Text of ``wide`` columns may wrap; all but these and ``words`` are set flush right, like
    numbers; a thin rule is drawn where the column ``parts`` changes.
    """
    if not rows:
        return ""
    left, free = set(words), set(wide)
    heads = list(rows[0])

    def kind(head: str) -> str:
        name = "wide" if head in free else "" if head in left else "num"
        return f' class="{name}"' if name else ""

    lines = [
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>',
        f"<caption>{escape(caption)}</caption><thead><tr>",
        *(f'<th scope="col"{kind(head)}>{escape(head)}</th>' for head in heads),
        "</tr></thead><tbody>",
    ]
    before: object = None
    for k, row in enumerate(rows):
        new = parts and k and row[parts] != before
        before = row[parts] if parts else None
        cells = "".join(f"<td{kind(head)}>{escape(str(row[head]))}</td>" for head in heads)
        start = '<tr class="part">' if new else "<tr>"
        lines.append(f"{start}{cells}</tr>")
    lines.append("</tbody></table></div>")
    return "\n".join(lines)


def folded(summary: str, content: str) -> str:
    """Content behind a line that opens it; nothing where there is none."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>" if content else ""


def figure(name: str, caption: str, *, kind: str = "plot") -> str:
    """A place that the scripts draw into, with its caption."""
    return (
        f'<figure><div class="{kind}" data-draw="{name}"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    start = f'<p class="{kind}">' if kind else "<p>"
    return f"{start}{escape(text)}</p>"


def notes(lines: Sequence[str]) -> str:
    """A list of remarks; nothing where there are none."""
    if not lines:
        return ""
    return '<ul class="notes">' + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def definitions(items: Mapping[str, str]) -> str:
    """Names with their values."""
    inner = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in items.items())
    return f'<dl class="made">{inner}</dl>'


def section(name: str, title: str, *content: str) -> str:
    """A part of the page with its heading; nothing where it has no content."""
    inner = "\n".join(part for part in content if part)
    if not inner:
        return ""
    return (
        f'<section id="{name}" aria-labelledby="{name}-title">'
        f'<h2 id="{name}-title">{escape(title)}</h2>\n{inner}\n</section>'
    )


def duration(seconds: float) -> str:
    """A time in the unit that a person would choose.

    Examples
    --------
    >>> duration(0.0123), duration(75.0), duration(8000.0)
    ('12.3 ms', '75 s', '2.2 h')
    """
    if seconds < 1.0:
        return f"{1000 * seconds:.3g} ms"
    if seconds < 120.0:
        return f"{seconds:.3g} s"
    if seconds < 7200.0:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:.2g} h" if seconds < 36000.0 else f"{seconds / 3600:,.0f} h"


def count(n: float | None) -> str:
    """A dataset size; ``all`` where it is not known."""
    return "all" if n is None or n == UNKNOWN else format_examples(n)


def span(low: float, high: float, form: str) -> str:
    """Both ends of an interval in a form; empty where one is not finite."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{form.format(low)} to {form.format(high)}"


def number(value: float | None, form: str) -> str:
    """A number in a form; empty where there is none."""
    return "" if value is None or not math.isfinite(value) else form.format(value)
