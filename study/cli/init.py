"""``payoff init``: write a commented study file with every default in it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from search_spaces.errors import PayoffError
from study.spec.embedded import EXAMPLES


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", help="the study file to write, such as my-study.toml")
    parser.add_argument(
        "--example",
        default="digits",
        help=f"which study to start from: {', '.join(EXAMPLES)} (default: digits)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")


def run(args: argparse.Namespace) -> int:
    """Write the file; never over an existing one unless told to."""
    from study.spec.writing import study_file

    path = Path(args.file)
    text = study_file(args.example, name=path.stem)
    try:
        with path.open("w" if args.force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        text = f"{path}: exists already; choose another name, or overwrite it with --force"
        raise PayoffError(text) from None
    except OSError as error:
        raise PayoffError(f"{path}: cannot be written ({error.strerror})") from None
    print(f"wrote {path}; edit it, then: payoff run {path}", file=sys.stderr)
    return 0
