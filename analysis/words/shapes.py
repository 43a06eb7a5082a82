"""Which shapes carry a curve's posterior, in words."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.curves.interleaved import Interleaved
from analysis.findings import Finding
from analysis.posterior.composition import Carrier, CarrierKind
from analysis.table.names import format_size
from analysis.verdicts.findings import Carried
from analysis.words.reasons import what_next
from analysis.words.told import Told, at

SHAPES: Mapping[CarrierKind, str] = {
    "flat": "a flat curve",
    "power": "a power law",
    "floor": "a power law with a floor",
    "passage": "a passage from chance",
    "linear": "a fall with the log of the size",
    "smooth": "a smooth departure from every law",
    "hump": "a hump",
    "bend": "a bend",
    "step": "a step",
    "pair": "two steps or bends",
}


def shape(one: Carrier) -> str:
    """A shape with its place."""
    place = "" if one.near is None else f" near {format_size(one.near)}"
    return f"{SHAPES[one.kind]}{place}"


def carried(f: Finding[Carried]) -> Told:
    """What the interval hangs on."""
    parts = ", ".join(f"{one.share:.0%} {shape(one)}" for one in f.facts.carriers)
    return Told(label=f"what the curve{at(f.n_examples)} may be: ", text=parts)


def interleaved(f: Finding[Interleaved]) -> Told:
    """Points that lie on two curves and were drawn as one."""
    two, what = f.facts, "runs" if f.facts.same_sizes else "points"
    return Told(
        label=f"two curves were drawn as one{at(f.n_examples)}: ",
        text=f"{two.lower:,} {what} lie on one curve and {two.upper:,} on another with "
        f"{two.ratio:.2f} times its error",
        tail=f"; {what_next(two.next_step)}",
    )
