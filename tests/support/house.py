"""The house as its code builds it: which file imports which, and in what order the rooms stand."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

PACKAGES = ("study", "analysis", "search_spaces")
CHECKED_ALONE = ("TYPE_CHECKING", "typing.TYPE_CHECKING")
"""Conditions of what only type checkers read."""

ROOMS: tuple[str, ...] = (
    "payoff",
    *(
        f"study.{room}"
        for room in (
            "cli",
            "launch",
            "handover",
            "preflight",
            "queue",
            "trials",
            "compression",
            "plan",
            "packs",
            "training",
            "spec",
            "tracking",
            "data",
            "models",
        )
    ),
    "study",
    "analysis.report",
    "analysis.export",
    "analysis.plots",
    "analysis.next_runs",
    "analysis.study",
    "analysis.fitted",
    *(
        f"analysis.{room}"
        for room in (
            "words",
            "tuning",
            "routes",
            "shapes",
            "design",
            "verdicts",
            "posterior",
            "forecasts",
            "curves",
            "laws",
            "table",
        )
    ),
    "analysis",
    "search_spaces",
)
"""From the top of the house to its foundation: a room imports from itself and from those below it.
The packages themselves stand for the flat files that all of their rooms need."""


FACES = ("payoff", "analysis")
"""Modules that offer what others hold, by names that are looked up when they are asked for."""


@dataclass(frozen=True, kw_only=True)
class Import:
    """One import statement."""

    importer: str
    imported: str
    """The module as it is named, ours or anybody's."""
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Return every module of the house with its file."""
    files = [*root.glob("payoff.py")]
    for package in PACKAGES:
        files += (root / package).rglob("*.py")
    return {name_of(file.relative_to(root)): file for file in files}


def name_of(file: Path) -> str:
    """Return the dotted name of a module's file."""
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(names: Mapping[str, Path]) -> list[Import]:
    """Return every import that can happen while the code runs: in functions, by registries too."""
    found = []
    for importer, file in sorted(names.items()):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        nodes = list(_running(tree))
        bound = {
            alias.asname or _first(alias.name): alias.name if alias.asname else _first(alias.name)
            for node in nodes
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        for node in nodes:
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{importer}: imports are absolute"
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                ours = _first(node.module or "") in PACKAGES
                targets = [
                    name if name in names or not ours else node.module or "" for name in inner
                ]
            elif isinstance(node, ast.Attribute):  # optuna.storages.X after import optuna
                root, *inside = _chain(node)
                targets = [".".join((bound[root], *inside))] if root in bound else []
            else:
                continue
            found += [
                Import(importer=importer, imported=target, line=node.lineno)
                for target in dict.fromkeys(targets)
            ]
        if importer not in FACES:
            found += _named(importer, tree, names)
    return found


def _named(importer: str, tree: ast.Module, names: Mapping[str, Path]) -> list[Import]:
    """Return the modules that a registry names in strings, to be imported when they are asked for.

    Those are strings outside functions (what a function names it may run in another process), and
    what a function puts together for `import_module` of such strings.
    """
    words = {
        word: node.lineno
        for node in _outside_functions(tree)
        if isinstance(node, ast.Constant) and (word := _word(node))
    }
    starts = {
        _word(node.args[0].values[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("import_module")
        and isinstance(node.args[0], ast.JoinedStr)
    }
    return [
        Import(importer=importer, imported=f"{start}{word}", line=line)
        for word, line in words.items()
        for start in sorted({"", *starts})
        if f"{start}{word}" in names and "." in f"{start}{word}"
    ]


def _chain(node: ast.expr) -> list[str]:
    """Return the names of ``a.b.c``; the first is empty where it is no name."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id if isinstance(node, ast.Name) else "", *reversed(names)]


def _word(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree without the bodies of functions."""
    for child in ast.iter_child_nodes(tree):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from _outside_functions(child)


def _first(name: str) -> str:
    return name.partition(".")[0]


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree without what only type checkers read."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test) in CHECKED_ALONE:
            for other in child.orelse:
                yield other
                yield from _running(other)
            continue
        yield child
        yield from _running(child)


def room_of(module: str) -> str:
    """Return the room that a module stands in.

    Examples
    --------
    >>> room_of("study.queue.opening"), room_of("study.places"), room_of("analysis.study")
    ('study.queue', 'study', 'analysis.study')
    """
    return next(
        (
            room
            for room in sorted(ROOMS, key=len, reverse=True)
            if f"{module}.".startswith(f"{room}.")
        ),
        "",
    )


def homeless(names: Mapping[str, Path]) -> list[str]:
    """Return the modules in no room; a package's own are its flat files, and no new folder."""
    return [
        name
        for name, file in names.items()
        if not (room := room_of(name)) or (room in PACKAGES and file.parent.name != room)
    ]


def upward(found: Sequence[Import], rooms: Sequence[str] = ROOMS) -> list[Import]:
    """Return the imports that run up the house."""
    place = {room: k for k, room in enumerate(rooms)}
    return [
        one
        for one in found
        if (to := room_of(one.imported)) and place[to] < place[room_of(one.importer)]
    ]


def circles(found: Sequence[Import], names: Mapping[str, Path]) -> list[tuple[str, ...]]:
    """Return every set of files that need each other, by Tarjan's algorithm."""
    to: dict[str, list[str]] = {name: [] for name in names}
    for one in found:
        if one.imported in names and one.imported != one.importer:
            to[one.importer].append(one.imported)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    result: list[tuple[str, ...]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in to[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            at = stack.index(name)
            circle = tuple(sorted(stack[at:]))
            del stack[at:]
            if len(circle) > 1:
                result.append(circle)

    for name in names:
        if name not in index:
            visit(name)
    return result
