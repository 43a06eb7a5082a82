"""Functions of the user's own, loaded only from the file or module their study file names."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from search_spaces.errors import PayoffError, nearest
from study.redaction import redact

MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
NAME = re.compile(r"[A-Za-z_]\w*")
HOW = 'write "path/to/file.py:name" or "module:name"'

OURS = ("payoff", "study", "analysis", "search_spaces")
"""Names of our own modules. A file of the user's may have one of them; no import leads to it."""


def check_reference(reference: str, key: str, relative_to: Path | None = None) -> list[str]:
    """Return what is wrong with a reference, without running any of the code it names.

    With ``relative_to``, a file must also exist.
    """
    place, _, name = reference.rpartition(":") if isinstance(reference, str) else ("", "", "")
    if not place or not NAME.fullmatch(name):
        return [f"{key}: must name a file or module and a function, got {reference!r}; {HOW}"]
    if place.endswith(".py"):
        if relative_to is not None and not _file(place, relative_to).is_file():
            return [
                f"{key}: there is no such file, got {_file(place, relative_to)}; correct the path"
            ]
    elif not MODULE.fullmatch(place):
        return [f"{key}: must name a .py file or a module, got {reference!r}; {HOW}"]
    elif (ours := place.split(".")[0]) in OURS:
        return [
            f"{key}: the module {ours!r} is payoff's own, got {reference!r}; "
            f'write "{ours}.py:{name}" for a file of that name'
        ]
    return []


def load_function(reference: str, key: str, relative_to: Path) -> Callable[..., Any]:
    """Load the function that a study file in the folder ``relative_to`` names.

    That folder (for a file also its own folder) is put at the end of ``sys.path``, so that user
    code can import what lies beside it and can hide nothing that is installed. One file is executed
    once a process. What is wrong with the reference or the code is one line that names the key.
    """
    if mistakes := check_reference(reference, key, relative_to):
        raise PayoffError(mistakes[0])
    place, _, name = reference.rpartition(":")
    _reach(relative_to)
    try:
        module = (
            _run_file(_file(place, relative_to))
            if place.endswith(".py")
            else importlib.import_module(place)
        )
    except ModuleNotFoundError as error:
        if error.name is not None and (place == error.name or place.startswith(f"{error.name}.")):
            raise PayoffError(
                f"{key}: there is no module {error.name!r}, got {reference!r}; install it, or name "
                f"a file below {relative_to}"
            ) from None
        raise PayoffError(describe_failure(key, reference, error)) from error
    except (Exception, SystemExit) as error:
        raise PayoffError(describe_failure(key, reference, error)) from error
    found = getattr(module, name, None)
    if found is None:
        public = [other for other in vars(module) if not other.startswith("_")]
        hint = nearest(name, public) or f"; it has {', '.join(public[:10]) or 'none'}"
        raise PayoffError(f"{key}: {place} has no {name!r}{hint}")
    if not callable(found):
        raise PayoffError(
            f"{key}: must name a function, got {name!r}, a {type(found).__name__}; name another"
        )
    function: Callable[..., Any] = found
    return function


def _file(place: str, relative_to: Path) -> Path:
    return (relative_to / Path(place).expanduser()).resolve()


def _reach(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _run_file(path: Path) -> ModuleType:
    """Run a file as a module of its own name, once: two files of one name do not collide."""
    mark = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    stem = re.sub(r"\W", "_", path.stem)
    name = f"payoff_user_{stem}_{mark}"
    if name in sys.modules:
        return sys.modules[name]
    _reach(path.parent)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def describe_failure(key: str, reference: str, error: BaseException) -> str:
    """One line: which error, and the last place in the user's own file."""
    frames = traceback.extract_tb(error.__traceback__)
    place = reference.rpartition(":")[0]
    own = [frame for frame in frames if Path(frame.filename).name == Path(place).name]
    if isinstance(error, SyntaxError) and error.lineno is not None:
        where = f" (line {error.lineno})"
    else:
        where = f" (line {own[-1].lineno})" if own else ""
    words = redact(" ".join(str(error).split()))
    module = error.name if isinstance(error, ImportError) else None
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        module = error.obj.__name__
    remedy = "correct the code"
    if module in OURS:
        remedy = f"the module {module!r} is payoff's own: rename your file of that name"
    return f"{key}: {place} fails{where}, got {type(error).__name__}: {words}; {remedy}"
