"""What is printed is text: nothing that a terminal would obey, nothing that its encoding lacks."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.live import Live
from rich.text import Text

from study.cli import main
from study.terminal import as_it_is, console, one_line, plain_streams, printable, shown

HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\ud800\r\u2028"


def test_what_a_terminal_obeys_is_shown_as_its_number() -> None:
    assert printable(HOSTILE) == r"\x1b[2J\x1b]0;title\x07\x9b31m\u202e\ud800\x0d\u2028"
    assert printable("größe\tнадо 大 😀\n") == "größe\tнадо 大 😀\n"


def test_a_message_stays_on_its_line() -> None:
    assert one_line("a\nb\tc") == r"a\nb c"


def test_streams_are_plain_while_a_command_runs(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with plain_streams():
        print(HOSTILE)
        sys.stderr.writelines(["\x1b[31m", "red\n"])
        print("\rmoved", end="", file=as_it_is(sys.stderr))
    assert (sys.stdout, sys.stderr) == before
    out, err = capsys.readouterr()
    assert out == printable(HOSTILE) + "\n"
    assert err == "\\x1b[31mred\n\rmoved"


def test_an_encoding_that_knows_few_characters_ends_no_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(held, encoding="latin-1"))
    with plain_streams():
        print("größe 大", flush=True)
    assert held.getvalue().decode("latin-1") == "größe \\u5927\n"


def test_a_console_draws_itself_and_shows_text_only(monkeypatch: pytest.MonkeyPatch) -> None:
    held = io.StringIO()
    monkeypatch.setattr(sys, "stdout", held)
    drawn = console(force_terminal=True, width=80)
    drawn.print(Text("a\x1b[2Jb", style="red"))
    with Live(console=drawn, auto_refresh=False) as live:
        live.update(shown(Text("c\x1b[3Jd")), refresh=True)
        drawn.print("e\x1b[4Jf", highlight=False)
    text = held.getvalue()
    assert "\x1b[31m" in text  # its own red
    for own in (r"a\x1b[2Jb", r"c\x1b[3Jd", r"e\x1b[4Jf"):
        assert own in text
    for theirs in ("\x1b[2J", "\x1b[3J", "\x1b[4J"):
        assert theirs not in text


def test_names_of_a_table_reach_no_terminal_raw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "t.csv"
    table.write_text("n_parameters,\x1b[31mred,x\n1,2,3\n")
    assert main(["fit", str(table)]) == 2
    err = capsys.readouterr().err
    assert "\x1b" not in err and r"\x1b[31mred" in err and err.count("\n") == 1
