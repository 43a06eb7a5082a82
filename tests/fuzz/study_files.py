"""Hostile study files: values of any kind under any key, and bytes that are hardly TOML."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from hypothesis import strategies as st

from study.spec.embedded import EXAMPLES
from study.spec.sections import SECTIONS
from study.spec.space import LIMITS
from study.spec.writing import study_file
from tests.fuzz.tables import spoilt

TRAINER = """
def train(config, n_examples, seed):
    return {"val_error": 0.1, "test_error": 0.1, "n_parameters": 10}
"""

OWN = """
[study]
name = "own"
[training]
function = "mine.py:train"
[data]
sizes = [10, 20]
[space]
width = [1, 2]
[replicates]
draws = 2
"""

KEYS = (
    *((name, field.name) for name, one in SECTIONS.items() for field in dataclasses.fields(one)),
    *(("space", name) for name in (*LIMITS, "draw", "seed", "größe", "a b", '"\\u001b[31m"', '""')),
    *(("analysis", name) for name in ("level", "resamples", "marginal", "price", "size", "rule")),
    ("data", "sizes"), ("nowhere", "x"), ("", "study"),
)  # fmt: skip

VALUES = (
    "0", "-1", "1", "2", "9" * 4000, "-" + "9" * 400, "1e308", "1e-320", "5e-324", "nan", "inf", "-inf",
    "true", '""', '"a"', '"\\u0000"', '"a\\u0000b.csv"', '"\\u001b[31mred"', '"大きさ"', '"../../x"',
    '"/dev/zero"', '"/etc/passwd"', '"postgresql://u:secret@127.0.0.1:1/x"', '"sqlite:////dev/full"',
    '"journal:///proc/x"', '"grpc://[::1"', '"http://["', '"mine.py:train"', '"mine.py:"', '":"',
    '"os:system"', '"mine.py:__builtins__"', "[]", "[1]", "[[1, 2]]", "[1, 1]", "[0]", "[2, 1]",
    "[nan]", "[1e300, 2]", '["a", 1]', "[" * 80 + "]" * 80, "{}", "{ low = 1, high = 0 }",
    "{ low = 1, high = 10, log = true }", "{ low = nan, high = inf }", "{ values = [] }",
    '{ values = [1, 2], role = "scientific" }', "{ levels = 10000000 }", "{ levels = [1, 2], rate = 1e-9 }",
    "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "0x7fffffffffffffff", "[1, 10000000000000000]",
    "{ low = 1, high = 100000000000000000000000 }", "[0.1, 0.2, 0.3]", "99999", '"mlp"', '"custom"',
    '["train"]', '["train", "distill"]', '["trian"]', '"rotate"', '"cuda"', '"1e400 FLOPs"', '"5 min"',
    "[" + ", ".join(map(str, range(1, 2001))) + "]", '"' + "a" * 5000 + '"', '"""\n"""', "'%s{0}'",
)  # fmt: skip

_BASES = (OWN, OWN, "", *(study_file(name, name=name) for name in EXAMPLES))


def write_beside(folder: Path) -> None:
    """Write what the study files name."""
    (folder / "mine.py").write_text(TRAINER)


@st.composite
def study_files(draw: st.DrawFn) -> bytes:
    """A study file with some values replaced, or its bytes spoilt."""
    text = draw(st.sampled_from(_BASES))
    given = dict.fromkeys(draw(st.lists(st.sampled_from(KEYS), max_size=4)))
    for section, key in given:
        line = f"{key} = {draw(st.sampled_from(VALUES))}\n"
        head = f"[{section}]\n"
        kept = [one for one in text.splitlines(keepends=True) if not one.startswith(f"{key} =")]
        text = "".join(kept)
        text = text.replace(head, head + line, 1) if head in text else f"{text}\n{head}{line}"
    content = text.encode("utf-8", "surrogatepass")
    return draw(spoilt(content)) if draw(st.integers(0, 3)) == 0 else content
