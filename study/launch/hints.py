"""The commands that messages tell people to type, with the study file and folder in use."""

from __future__ import annotations

import shlex
from pathlib import Path

from study.places import Places


def command(name: str, study: str | None, places: Places, *options: str) -> str:
    """Return a ``payoff`` command about the same study below the same root.

    ``study`` is the file as it was given, None for the study of digits; the usual folder is not
    mentioned.

    Examples
    --------
    >>> command("status", "my study.toml", Places.at("mlruns"))
    "payoff status 'my study.toml'"
    >>> command("export", None, Places(Path("/data/runs")), "--to", "paper/")
    'payoff export --root /data/runs --to paper/'
    """
    words = ["payoff", name, *([study] if study else [])]
    here = Path.cwd()
    if places.root != here / "mlruns":
        inside = places.root.is_relative_to(here)
        words += ["--root", str(places.root.relative_to(here) if inside else places.root)]
    return shlex.join([*words, *options])
