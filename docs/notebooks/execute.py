"""Run the notebooks and store what they print and draw.

python docs/notebooks/execute.py [NAME ...]

Each runs in a temporary folder of its own, so that nothing but the notebook changes.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SECONDS = 600
"""Longest time of one cell."""


def execute(source: Path, target: Path) -> None:
    """Run one notebook from the top and write it with its outputs."""
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(source, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            book, timeout=SECONDS, resources={"metadata": {"path": folder}}, record_timing=False
        )
        client.execute()
        for cell in book.cells:
            for output in cell.get("outputs", ()):
                _tidy(output, folder)
    book.metadata.pop("language_info", None)
    nbformat.write(book, target)


def _tidy(output: dict[str, object], folder: str) -> None:
    """Take the temporary folder's name and terminal colours out of what was printed."""
    text = output.get("text")
    if isinstance(text, str):
        plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
        output["text"] = plain.replace(f"{folder}{os.sep}", "")


if __name__ == "__main__":
    names = sys.argv[1:] or sorted(path.name for path in HERE.glob("*.ipynb"))
    for name in names:
        execute(HERE / name, HERE / name)
        print(name)
