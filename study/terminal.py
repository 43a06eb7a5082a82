"""What a terminal is shown: text, and never what it would obey.

Names of columns, reasons of failed trials and cells of tables come from files and from other
people's code. An escape sequence in one of them would move the cursor, rename the window or hide a
line. So whatever commands print passes here, once: what is no text is shown as its number.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.measure import Measurement

_NO_TEXT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but for the tab and the end of a line
    "\u2028\u2029"  # ends of lines that no file has
    "\u202a-\u202e\u2066-\u2069"  # text that is shown backwards
    "\ud800-\udfff]"  # halves of characters
)
_ENDS = {"\n": "\\n", "\t": " "}


def printable(text: str) -> str:
    """The text with everything that is none written as its number.

    Examples
    --------
    >>> printable("\\x1b[31mred"), printable("größe 大")
    ('\\\\x1b[31mred', 'größe 大')
    """
    return _NO_TEXT.sub(_numbered, text)


def one_line(text: object) -> str:
    """The same on one line: whatever a message quotes, it stays one message.

    Examples
    --------
    >>> one_line("no column 'a\\nb'")
    "no column 'a\\\\nb'"
    """
    return re.sub("[\n\t]", lambda match: _ENDS[match[0]], printable(str(text)))


def say(text: object) -> None:
    """Tell a person something, on one line without a secret, beside what a command answers."""
    from study.redaction import redact

    print(f"payoff: {one_line(redact(text))}", file=sys.stderr)


class Plain:
    """A stream of a terminal or a file that is given text only.

    What its encoding does not know is written as a number too: no name in another script ends a
    command whose work is done.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write what is text."""
        shown = printable(text)
        encoding = self.stream.encoding
        if encoding and not shown.isascii():
            shown = shown.encode(encoding, "backslashreplace").decode(encoding)
        self.stream.write(shown)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write lines that bring their ends."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def plain_streams() -> Iterator[None]:
    """Give both streams text only, while a command runs."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Plain(before[0]), Plain(before[1])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def as_it_is(stream: TextIO) -> TextIO:
    """The stream itself, for whoever moves the cursor on purpose."""
    from study.redaction import Redacting

    while isinstance(stream, Plain | Redacting):
        stream = stream.stream
    return stream


def console(*, stderr: bool = False, **options: Any) -> Console:
    """Return a console of rich, which draws and colours itself, and what it is given is text."""
    from rich.console import Console, RenderHook

    class Shown(RenderHook):
        def process_renderables(self, renderables: list[Any]) -> list[Any]:
            return [shown(one) for one in renderables]

    made = Console(file=as_it_is(sys.stderr if stderr else sys.stdout), **options)
    made.push_render_hook(Shown())
    return made


def shown(renderable: Any) -> Any:
    """The same as rich draws it, its text printable; its own movements stay."""
    from rich.control import Control

    return renderable if isinstance(renderable, Control) else _Drawing(renderable)


class _Drawing:
    """What rich draws, printable."""

    def __init__(self, renderable: Any) -> None:
        self.renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.measure import Measurement

        return Measurement.get(console, options, self.renderable)


def _numbered(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
