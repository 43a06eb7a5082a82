"""What is said of one finding: where it stands, the words, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.table.names import format_examples


@dataclass(frozen=True, kw_only=True)
class Told:
    """A sentence without its full stop, in the parts that a page may set apart."""

    label: str = ""
    """What stands before the words where no heading or column says it."""
    text: str
    """The words."""
    tail: str = ""
    """Numbers, reasons and next steps, where no column holds them."""

    @property
    def whole(self) -> str:
        """The sentence, capital first."""
        return capital(f"{self.label}{self.text}{self.tail}")


def capital(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def at(n_examples: float | None) -> str:
    """At which dataset size; empty where it is not known."""
    return "" if n_examples is None else f" at {format_examples(n_examples, 'examples')}"


def listed(names: Sequence[str], word: str = "and") -> str:
    """Names as a sentence has them.

    Examples
    --------
    >>> listed(["80", "160", "320"]), listed(["marginal"])
    ('80, 160 and 320', 'marginal')
    """
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {word} {names[-1]}"
