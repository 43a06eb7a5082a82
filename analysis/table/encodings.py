"""Bytes to text, whatever the file was packed and encoded with; what was found is said in words."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from analysis.bounded import MOST_BYTES, Unreadable, read_bounded
from analysis.errors import AnalysisError

_PACKED: dict[bytes, tuple[str, Any]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"\xfd7zXZ\x00": ("xz", lzma.open),
    b"BZh": ("bzip2", bz2.open),
}
MOST_PACKED = 200
"""Times by which packing makes a table smaller: rows that are all alike, not fewer than these."""
SURELY_HELD = 64_000_000
"""Bytes that are unpacked whatever they were packed to."""
_CHUNK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
"""Byte order marks, the longer of two that begin alike first."""
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or a workbook; save its sheet as CSV, or unpack it",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save its sheet as CSV",
    b"(\xb5/\xfd": "packed by zstd; unpack it, or pack it by gzip or xz",
    b"SQLite format 3": "a database; name it as optuna+sqlite:///FILE#STUDY or "
    "mlflow+sqlite:///FILE#EXPERIMENT",
    b"\x80\x04": "a pickle, which is never loaded; save the table as CSV or Parquet",
    b"\x80\x05": "a pickle, which is never loaded; save the table as CSV or Parquet",
    b"\x89HDF": "an HDF file; save the table as CSV or Parquet",
    b"%PDF": "a PDF; copy its table into a CSV file",
    b"<!DOCTYPE": "a web page; save its table as CSV",
    b"<html": "a web page; save its table as CSV",
}


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """A file's bytes without their packing."""

    content: bytes
    packing: str = ""
    """How they were packed; empty: not at all."""


def unpack(path: Path) -> Unpacked:
    """Read a file; AnalysisError if it is missing, unreadable or of a kind that is no table."""
    if path.is_dir():
        raise AnalysisError(
            f"{path}: is a folder; name a file in it, or MLflow's old file store as mlflow+{path}"
        )
    try:
        content = read_bounded(path)
    except FileNotFoundError:
        raise AnalysisError(f"{path}: there is no such file; check the path") from None
    except Unreadable as error:
        raise AnalysisError(f"{path}: {error}") from None
    packing = ""
    for mark, (name, opened) in _PACKED.items():
        if content.startswith(mark):
            try:
                with opened(io.BytesIO(content)) as file:
                    content, packing = _unpacked(file, len(content), path), name
            except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
                raise AnalysisError(
                    f"{path}: is damaged or cut off ({name}: {error}); copy it again"
                ) from None
            break
    for mark, what in _FOREIGN.items():
        if content[: len(mark)].lower() == mark.lower():
            raise AnalysisError(f"{path}: is {what}")
    return Unpacked(content=content, packing=packing)


def _unpacked(file: IO[bytes], packed: int, path: Path) -> bytes:
    """All that was packed, but no file that grows beyond what any table would."""
    most = min(MOST_BYTES, max(SURELY_HELD, MOST_PACKED * packed))
    parts = []
    read = 0
    while part := file.read(_CHUNK):
        parts.append(part)
        read += len(part)
        if read > most:
            raise AnalysisError(
                f"{path}: unpacks to more than {most / 1e6:,.0f} MB, from {packed / 1e6:,.1f}; "
                "unpack it and take a part of it"
            )
    return b"".join(parts)


def require_text(content: bytes, shown: str) -> None:
    """Raise AnalysisError where zero bytes stand in what should be text."""
    at = content.find(0)
    if at < 0 or content.startswith(tuple(mark for mark, _, _ in _MARKS)):
        return
    if not _unmarked_utf16(content):
        line = content.count(b"\n", 0, at) + 1
        raise AnalysisError(
            f"{shown}: holds zero bytes from line {line} on, which no text has: it is damaged, or "
            "no table; copy it again, or save it as UTF-8"
        )


def decode(content: bytes) -> tuple[str, str]:
    """The text of a file, and how it was encoded: by its mark, else UTF-8, else Windows' Latin-1.

    Examples
    --------
    >>> decode(b"r\\xe9seau"), decode("réseau".encode("utf-16"))
    (('réseau', 'Latin-1'), ('réseau', 'UTF-16'))
    """
    for mark, codec, name in _MARKS:
        if content.startswith(mark):
            return content.decode(codec, errors="replace"), name
    wide = _unmarked_utf16(content)
    if wide:
        return content.decode(wide, errors="replace"), "UTF-16"
    try:
        return content.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("cp1252"), "Latin-1"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "Latin-1"


def _unmarked_utf16(content: bytes) -> str:
    """The codec of Latin text that has a zero in every other byte, unmarked; empty: it has not."""
    head = content[:2000]
    if len(head) < 4:
        return ""
    for first, codec in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = head[first::2].count(0)
        if zeros > 0.8 * len(head[first::2]) and not head[1 - first :: 2].count(0):
            return codec
    return ""
