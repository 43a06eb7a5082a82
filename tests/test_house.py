"""The order of the rooms, drawn from the code: imports run down, never up, never in a circle."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

import pytest

from tests.support.house import (
    FACES,
    ROOMS,
    ROOT,
    Import,
    circles,
    homeless,
    imports,
    modules,
    room_of,
    upward,
)

MODULES = modules()

MOST_LINES = 450
MOST_LINES_OF_A_CLASS = 250


@lru_cache(maxsize=1)
def ours() -> list[Import]:
    """Every import of the house; not at import, which every process that runs tests pays for."""
    return imports(MODULES)


def test_no_room_imports_upward() -> None:
    assert [str(one) for one in upward(ours())] == []


def test_no_files_need_each_other() -> None:
    assert circles(ours(), MODULES) == []


def test_every_module_stands_in_a_room() -> None:
    assert homeless(MODULES) == []
    assert {room_of(name) for name in MODULES} == set(ROOMS)


def test_an_arrow_up_and_a_circle_would_be_seen(tmp_path: Path) -> None:
    for name, text in {
        "study/queue/a.py": "def f():\n    from study.cli import b\n",
        "study/cli/b.py": "import study.queue.a\nif TYPE_CHECKING:\n    import study.nowhere\n",
        "study/cli/__init__.py": "",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    names = modules(tmp_path)
    found = imports(names)
    assert upward(found) == [Import(importer="study.queue.a", imported="study.cli.b", line=2)]
    assert circles(found, names) == [("study.cli.b", "study.queue.a")]
    assert not any("nowhere" in one.imported for one in found)


def test_every_way_of_importing_and_a_new_folder_would_be_seen(tmp_path: Path) -> None:
    for name, text in {
        "study/brandnew/x.py": "from optuna import storages\n",
        "study/y.py": "import optuna\noptuna.storages.RDBStorage\n",
        "study/z.py": "if not TYPE_CHECKING:\n    import a\nelse:\n    import b\n",
        "study/w.py": "if TYPE_CHECKING:\n    import c\nelse:\n    import d\nstudy.cli\n",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    names = modules(tmp_path)
    seen = {(one.importer, one.imported) for one in imports(names)}
    assert {("study.brandnew.x", "optuna.storages"), ("study.y", "optuna.storages")} <= seen
    assert {imported for _, imported in seen if len(imported) == 1} == {"a", "b", "d"}
    assert not any(imported == "study.cli" for _, imported in seen)
    assert homeless(names) == ["study.brandnew.x"]


def test_what_registries_name_in_strings_would_be_seen(tmp_path: Path) -> None:
    for name, text in {
        "study/data/__init__.py": "",
        "study/data/a.py": 'KINDS = {"b": "study.data.b"}\n',
        "study/data/b.py": "import study.data.a\n",
        "study/models/__init__.py": 'import importlib\nFILES = ("c",)\n'
        'def f(n):\n    return importlib.import_module(f"study.models.{n}")\n',
        "study/models/c.py": 'class C:\n    d = cost_in("study.data.a")\n',
        "study/models/e.py": 'def f():\n    return ["-m", "study.data.a"]\n',
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    names = modules(tmp_path)
    found = imports(names)
    seen = {(one.importer, one.imported) for one in found}
    assert {("study.data.a", "study.data.b"), ("study.models", "study.models.c")} <= seen
    assert upward(found) == [Import(importer="study.models.c", imported="study.data.a", line=2)]
    assert circles(found, names) == [("study.data.a", "study.data.b")]


@pytest.mark.parametrize("face", FACES)
def test_nothing_in_the_house_goes_through_a_face(face: str) -> None:
    assert [str(one) for one in ours() if one.imported == face] == []


@pytest.mark.parametrize(
    ("system", "room"), [("mlflow", "study.tracking"), ("optuna.storages", "study.queue")]
)
def test_only_one_room_imports_an_outside_system(system: str, room: str) -> None:
    importers = {
        room_of(one.importer) for one in ours() if f"{one.imported}.".startswith(f"{system}.")
    }
    assert importers == {room}


FILES = {"payoff", "analysis.next_runs", "analysis.study", "analysis.fitted"}
"""Rooms that are one file."""


@pytest.mark.parametrize("room", sorted(set(ROOMS) - FILES))
def test_each_room_says_in_a_line_what_it_is_for(room: str) -> None:
    said = ast.get_docstring(ast.parse(MODULES[room].read_text())) or ""
    assert said.splitlines()[:1], f"{room}/__init__.py says nothing"


def test_no_file_and_no_class_is_long() -> None:
    long = []
    for name, file in MODULES.items():
        text = file.read_text(encoding="utf-8")
        if text.count("\n") > MOST_LINES:
            long.append(f"{name}: {text.count(chr(10))} lines")
        long += [
            f"{name}.{node.name}: {length} lines"
            for node in (
                ast.walk(ast.parse(text)) if text.count("\n") > MOST_LINES_OF_A_CLASS else ()
            )
            if isinstance(node, ast.ClassDef)
            and (length := (node.end_lineno or node.lineno) - node.lineno + 1)
            > MOST_LINES_OF_A_CLASS
        ]
    assert long == []


def test_no_file_is_named_after_its_room() -> None:
    named = [
        name
        for name, file in MODULES.items()
        if file.name != "__init__.py"
        and file.parent != ROOT
        and file.stem.startswith((f"{file.parent.name}_", f"{file.parent.name.rstrip('s')}_"))
    ]
    assert named == []
