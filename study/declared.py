"""What the files of a room declare: one object a file, imported when it is asked for by name."""

from __future__ import annotations

import importlib
from typing import TypeVar

Declared = TypeVar("Declared")


def declared(module: str, kind: type[Declared]) -> Declared:
    """Return the object of a kind that a module declares: a `Loader` is called ``LOADER`` there."""
    found = getattr(importlib.import_module(module), kind.__name__.upper())
    assert isinstance(found, kind)
    return found
