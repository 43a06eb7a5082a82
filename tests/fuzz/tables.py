"""Hostile tables: cells that are no numbers or too many of them, in every form a table may have."""

from __future__ import annotations

import bz2
import csv
import datetime
import gzip
import io
import json
import lzma
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

SAMPLES = sorted((Path(__file__).parents[1] / "tables" / "reading").iterdir())
"""Tables of strangers, which are cut, joined and spoilt."""

NUMBERS = (
    "0", "-0", "1", "-1", "1e308", "1e-308", "5e-324", "-1e308", "1.7976931348623157e308", "1e309",
    "1e400", "1e-400", "1e999999999", "1e-999999999", "1E+99999999999999999999", "nan", "-nan",
    "inf", "-inf", "Infinity", "∞", "1" + "0" * 400, "9" * 5000, "-" + "9" * 5000, "0." + "0" * 400
    + "1", "0x10", "0b1", "1_000", "1__0", "١٢٣", "１２", "²", "½", "1,000", "1.000", "1,00,000",
    "1 000", "1'000", "5%", "1e5%", "100%", "0.3±0.1", "0.3±1e308", "1e-308±1e308", "0.3±", "±",
    "1M", "1e308M", "9e9999T", "3 GiB", "1e300 GiB", "7 ms", "1h30", "2^10", "2^99999", "10**400",
    "2^1e9", "10^-400", "≈3", "~1e400", "True", "False", "None", "null", "[1, 2]", "{}", '{"a": 1}',
    '{"a": {"a": 1}}', "(1, 2)", "2**63", "9007199254740993", "18446744073709551616",
)  # fmt: skip
WORDS = (
    "", " ", "\x00", "a\x00b", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\r", "\n", "\u2028", "\x85",
    "\x0c", "\ufeff", "\u202eevil", "é", "大きさ", "размер", "حجم", "😀", "=cmd|' /C calc'!A0", "a" * 10_000,
    "'", '"', '""', "\\", "\\input{/etc/passwd}", "$x$", "<script>", "{", "[", "{'a':", "finished",
    "FAILED", "TrialState.COMPLETE", "running", "../../etc/passwd", "%s%n", "{0.__class__}",
    "{" * 2000, "[" * 2000, '{"a":' * 400 + "1" + "}" * 400, "# note", "-----",
)  # fmt: skip
NAMES = (
    "n_parameters", "test_error", "n_examples", "seed", "draw", "n_test", "state", "status", "run_id",
    "params.lr", "config.depth", "params", "metrics.test_error", "val_error", "loss", "accuracy",
    "width", "depth", "phase", "cell", "slot", "trial", "epoch", "Step", "name", "Unnamed: 0",
    "tags.mlflow.parentRunId", "index", "level_0", "__index_level_0__", "summary", "config", "route",
    "a - loss", "a - loss__MIN", "duration", "wall_seconds", "prune_ratio", "still_improving",
    "n_nonzero", "latency_seconds", "value", "values_0", "number", "test_correct", "user_attrs_n",
)  # fmt: skip

cells = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(WORDS),
    st.floats(width=64).map(repr),
    st.integers(-(2**70), 2**70).map(str),
    st.text(max_size=8),
)
names = st.one_of(
    st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(WORDS), st.text(max_size=6)
)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A file, and with which words it is read."""

    name: str
    content: bytes
    words: tuple[str, ...]

    def __repr__(self) -> str:
        short = self.content if len(self.content) < 3000 else self.content[:3000] + b" ..."
        return f"Table({self.name!r}, {short!r}, {self.words!r})"


positive = st.one_of(
    st.floats(0.01, 0.9),
    st.floats(0.01, 0.9),
    st.floats(1e-50, 1e50),
    st.sampled_from([1e-50, 1e50, 1e49, 1e-49, 0.5, 0.5, 1.0, 100.0, 1e-9]),
)


@st.composite
def measured(draw: st.DrawFn) -> dict[str, list[str]]:
    """Columns that are all numbers which something may measure, however far they lie apart."""
    n = draw(st.integers(2, 16))

    def some(of: st.SearchStrategy[float]) -> list[str]:
        return [repr(one) for one in draw(st.lists(of, min_size=n, max_size=n))]

    ladder = [str(float(draw(st.sampled_from([1, 100, 1e45]))) * 2 ** (k // 2)) for k in range(n)]
    found = {"n_parameters": draw(st.sampled_from([ladder, ladder, some(positive)]))}
    found["test_error"] = some(positive)
    if draw(st.booleans()):
        found["n_examples"] = [str(draw(st.sampled_from([1, 64, 10**15]))) for _ in range(n)]
    if draw(st.booleans()):
        found["seed"] = [str(k) for k in range(n)]
    for name in draw(st.lists(st.sampled_from(["depth", "std", "n_test", "lr"]), max_size=2)):
        found[name] = some(positive)
    return found


@st.composite
def columns(draw: st.DrawFn) -> dict[str, list[str]]:
    """Columns of text that are a usable table but for some hostile cells and columns."""
    n = draw(st.integers(0, 14))
    sizes = [str(100 * 2 ** (k // 2)) for k in range(n)]
    errors = [f"{0.5 / (k + 1):.6f}" for k in range(n)]
    found = {"n_parameters": sizes, "test_error": errors}
    for name in draw(st.lists(names, max_size=4)):
        found[name] = draw(st.lists(cells, min_size=n, max_size=n))
    if draw(st.booleans()):
        found["seed"] = [str(k % 2) for k in range(n)]
    for name in ("n_parameters", "test_error"):
        if n and draw(st.booleans()):
            for k in draw(st.lists(st.integers(0, n - 1), max_size=4)):
                found[name][k] = draw(cells)
        elif n and draw(st.integers(0, 4)) == 0:
            found[name] = draw(st.lists(st.sampled_from(NUMBERS), min_size=n, max_size=n))
    return found


def _typed(cell: str) -> Any:
    """A cell as JSON or Parquet may hold it."""
    for read in (int, float):
        try:
            return read(cell)
        except ValueError:
            continue
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell


def separated(found: Mapping[str, Sequence[str]], mark: str) -> str:
    """Text with a mark between the cells."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=mark, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow(found)
    writer.writerows(zip(*found.values(), strict=True))
    return out.getvalue()


def as_json(found: Mapping[str, Sequence[str]], form: str) -> str:
    """JSON in one of its forms, its numbers as they were written: JSON has no bounds."""
    rows = [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]

    def text(cell: str) -> str:
        body = cell.lstrip("-")
        plain = body.isascii() and body.replace(".", "").replace("e", "").replace("-", "").isdigit()
        return cell if plain and body[:1].isdigit() else json.dumps(_safe(_typed(cell)))

    def row(one: Mapping[str, str]) -> str:
        return "{" + ", ".join(f"{json.dumps(name)}: {text(c)}" for name, c in one.items()) + "}"

    if form == "lines":
        return "".join(f"{row(one)}\n" for one in rows)
    if form == "columns":
        parts = (f"{json.dumps(k)}: [{', '.join(map(text, v))}]" for k, v in found.items())
        return "{" + ", ".join(parts) + "}"
    if form == "split":
        body = ", ".join(
            f"[{', '.join(map(text, one))}]" for one in zip(*found.values(), strict=True)
        )
        return f'{{"columns": {json.dumps(list(found))}, "data": [{body}]}}'
    body = f"[{', '.join(map(row, rows))}]"
    return f'{{"runs": {body}, "more": {"[" * 50 + "]" * 50}}}' if form == "wrapped" else body


def _safe(value: Any) -> Any:
    return str(value) if isinstance(value, int) and abs(value) > 10**300 else value


_MOMENTS = (
    ("timestamp[s]", 2**52), ("timestamp[us]", 2**62), ("timestamp[ns]", -(2**63)), ("date64[ms]", 86_400_000 * 2**34),
    ("timestamp[ms]", 2**60), ("date32[day]", 2**31 - 1), ("duration[s]", 2**52), ("duration[ns]", 2**62),
    ("time64[ns]", 2**62), ("time32[s]", 2**31 - 1), ("duration[us]", -(2**63)),
)  # fmt: skip


@st.composite
def parquet(draw: st.DrawFn, found: Mapping[str, Sequence[str]]) -> bytes:
    """A Parquet file whose columns have types of their own, and values beyond Python's."""
    n = len(next(iter(found.values())))
    arrays: dict[str, Any] = {}
    for name, texts in found.items():
        kind = draw(st.sampled_from(["float", "text", "int", "moment", "odd", "float", "text"]))
        clean = name.encode("utf-8", "replace").decode()
        if kind == "moment":
            unit, value = draw(st.sampled_from(_MOMENTS))
            small = unit in ("date32[day]", "time32[s]")
            raw = pa.array([value] * n, pa.int32() if small else pa.int64())
            arrays[clean] = raw.view(_type(unit, draw(st.booleans())))
        elif kind == "int":
            arrays[clean] = pa.array(
                [2**64 - 1 - k for k in range(n)] if draw(st.booleans()) else list(range(n)),
                pa.uint64(),
            )
        elif kind == "odd":
            arrays[clean] = draw(st.sampled_from(_odd(n)))
        else:
            values = [_typed(one) for one in texts]
            if kind == "float":
                floats = [
                    float(v) if isinstance(v, int | float) and abs(v) < 1e300 else None
                    for v in values
                ]
                arrays[clean] = pa.array(
                    floats, draw(st.sampled_from([pa.float64(), pa.float32()]))
                )
            else:
                arrays[clean] = pa.array([t.encode("utf-8", "replace").decode() for t in texts])
    out = io.BytesIO()
    pq.write_table(pa.table(arrays), out)
    return out.getvalue()


def _type(unit: str, zoned: bool) -> Any:
    name, _, inner = unit.rstrip("]").partition("[")
    if name == "timestamp":
        return pa.timestamp(inner, tz="Mars/Olympus" if zoned else None)
    kinds = {"date64": pa.date64(), "date32": pa.date32()}
    makers = {"duration": pa.duration, "time64": pa.time64, "time32": pa.time32}
    return kinds[name] if name in kinds else makers[name](inner)


def _odd(n: int) -> list[Any]:
    """Arrays of types that no table of runs should have, and some has."""
    decimals = pa.array([Decimal(10) ** 70] * n, pa.decimal256(76, 5))
    return [
        decimals,
        pa.array([b"\xff\x00"] * n, pa.binary()),
        pa.array([None] * n, pa.null()),
        pa.array([True, False] * n, pa.bool_())[:n],
        pa.array([[1, 2]] * n, pa.list_(pa.int64())),
        pa.array([{"a": {"b": 1}}] * n),
        pa.array(["x"] * n).dictionary_encode(),
        pa.array([[("k", 1)]] * n, pa.map_(pa.string(), pa.int64())),
        pa.array([datetime.datetime(1, 1, 1)] * n),
        pa.array([1.5] * n, pa.float16()) if hasattr(pa, "float16") else pa.array([1.5] * n),
    ]


@st.composite
def spoilt(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes with some changed, cut, doubled or put in."""
    data = bytearray(content)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        act = draw(st.sampled_from(["flip", "cut", "drop", "double", "put", "put", "end"]))
        if act == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif act == "cut":
            del data[at:]
        elif act == "drop":
            del data[at : at + draw(st.integers(1, 40))]
        elif act == "double":
            piece = bytes(data[at : at + draw(st.integers(1, 200))])
            data[at:at] = piece * draw(st.sampled_from([1, 2, 50]))
        elif act == "end":
            data += draw(st.binary(max_size=20))
        else:
            token = draw(st.one_of(st.sampled_from(NUMBERS + WORDS), st.text(max_size=3)))
            data[at:at] = token.encode("utf-8", "surrogatepass")
    return bytes(data)


_OPTIONS = (
    ("--random-seed", ("-1", "0", "18446744073709551616", "9" * 5000, "x", "1.5")),
    ("--resamples", ("0", "-5", "99", "100", "999999999999", "1e3", "9" * 4400)),
    ("--level", ("0", "1", "nan", "inf", "-0.5", "0.5", "1e-300", "0.9999999999999999")),
    ("--threshold", ("0", "nan", "inf", "-1", "1e-320", "1e308", "1", "0.5")),
    ("--price", ("0", "nan", "inf", "-1", "1e308", "1e-308", "1e-6")),
    ("--rule", ("marginal", "plateau", "overfit", "economic")),
    ("--metric", ("error", "nats", "bits", "perplexity", "own")),
    ("--better", ("lower", "higher")),
    ("--of", ("whole", "reducible", "perplexity")),
    ("--law", ("auto", "power", "nothing", "", "\x1b[31m", "../x")),
    ("--decimal", (",", ".")),
)
_COLUMN_OPTIONS = ("--size", "--error", "--examples", "--seed", "--draw", "--spread", "--group",
                   "--test-examples", "--shape", "--tuned", "--alike", "--where", "--map")  # fmt: skip


@st.composite
def options(draw: st.DrawFn, of: Sequence[str]) -> tuple[str, ...]:
    """Words behind a table: those that a person might add, and some that nobody should."""
    words: list[str] = []
    if draw(st.booleans()):
        return ()
    for option, values in draw(st.lists(st.sampled_from(_OPTIONS), max_size=2)):
        words += [f"{option}={draw(st.sampled_from(values))}"]
    pool = [*of, *NAMES[:8]]
    for option in draw(st.lists(st.sampled_from(_COLUMN_OPTIONS), max_size=3)):
        column = draw(st.sampled_from(pool))
        if option == "--where":
            column = f"{column}={draw(st.one_of(st.sampled_from(NUMBERS), st.sampled_from(WORDS)))}"
        elif option == "--map":
            column = f"{draw(st.sampled_from(NAMES))}={column}"
        words.append(f"{option}={column}")
    words += draw(
        st.lists(
            st.sampled_from(["--json", "--explain", "--absolute", "--sheet=sheet.csv"]), max_size=2
        )
    )
    return tuple(word.replace("\x00", "\\0") for word in words if _speakable(word))


def _speakable(word: str) -> bool:
    """Whether a shell can pass it on."""
    return len(word) < 10_000 and not any("\ud800" <= c <= "\udfff" for c in word)


_PACKED: tuple[tuple[str, Any], ...] = (
    (".gz", gzip.compress),
    (".xz", lzma.compress),
    (".bz2", bz2.compress),
)
_CODECS = ("utf-8", "utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1", "utf-7")


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """A table in any form that `payoff fit` reads, and in some that it does not."""
    if draw(st.integers(0, 3)) == 0:
        sample = draw(st.sampled_from(SAMPLES))
        return Table(
            name=sample.name, content=draw(spoilt(sample.read_bytes())), words=draw(options(()))
        )
    if draw(st.booleans()):
        found = draw(measured())
        words: tuple[str, ...] = ("--examples=n_examples",) if "n_examples" in found else ()
        words += ("--spread=std",) if "std" in found else ()
        words += draw(
            st.sampled_from([(), ("--metric=nats",), ("--metric=own",), ("--better=higher",)])
        )
        content = separated(found, ",").encode()
        return Table(name="t.csv", content=content, words=words + draw(options(tuple(found))))
    found = draw(columns())
    form = draw(
        st.sampled_from(
            [
                ",",
                ";",
                "\t",
                "|",
                "records",
                "columns",
                "split",
                "lines",
                "wrapped",
                "parquet",
                "parquet",
            ]
        )
    )
    words = draw(options(tuple(found)))
    if form == "parquet":
        content = draw(parquet(found))
        if draw(st.booleans()):
            content = draw(spoilt(content))
        return Table(name="t.parquet", content=content, words=words)
    text = separated(found, form) if form in ",;\t|" else as_json(found, form)
    suffix = {",": ".csv", "\t": ".tsv", ";": ".csv", "|": ".txt", "lines": ".jsonl"}.get(
        form, ".json"
    )
    codec = draw(st.sampled_from(_CODECS)) if draw(st.integers(0, 5)) == 0 else "utf-8"
    try:
        content = text.encode(codec, "surrogatepass")
    except UnicodeEncodeError:
        content = text.encode(codec, "replace")
    if draw(st.booleans()):
        content = draw(spoilt(content))
    if draw(st.integers(0, 5)) == 0:
        ending, pack = draw(st.sampled_from(_PACKED))
        content, suffix = pack(content), suffix + ending
        content = draw(spoilt(content)) if draw(st.booleans()) else content
    return Table(name=f"t{suffix}", content=content, words=words)
