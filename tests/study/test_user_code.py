"""User code: loaded from the place named, once, with failures told in one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from search_spaces.errors import PayoffError
from study.user_code import check_reference, load_function


@pytest.fixture(autouse=True)
def _imports_kept() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_a_function_in_a_file_is_found_relative_to_the_study_file(tmp_path: Path) -> None:
    write(tmp_path, "own/model.py", "def build(width): return 2 * width\n")
    assert load_function("own/model.py:build", "model.function", tmp_path)(4) == 8
    absolute = f"{tmp_path / 'own/model.py'}:build"
    assert load_function(absolute, "model.function", Path("/"))(4) == 8


def test_a_function_in_a_module_is_found(tmp_path: Path) -> None:
    write(tmp_path, "payoff_test_package/inner.py", "def f(): return 3\n")
    assert load_function("payoff_test_package.inner:f", "data.function", tmp_path)() == 3
    assert load_function("math:sqrt", "data.function", tmp_path)(9) == 3


def test_a_file_runs_once_and_can_import_what_lies_beside_it(tmp_path: Path) -> None:
    write(tmp_path, "own/payoff_test_beside.py", "VALUE = 5\n")
    write(
        tmp_path,
        "own/model.py",
        "from payoff_test_beside import VALUE\nimport pathlib\n"
        "with open(pathlib.Path(__file__).with_name('log'), 'a') as log: log.write('x')\n"
        "def f(): return VALUE\ndef g(): return f\n",
    )
    f = load_function("own/model.py:f", "model.function", tmp_path)
    assert f() == 5
    assert load_function("own/model.py:g", "training.function", tmp_path)() is f
    assert (tmp_path / "own/log").read_text() == "x"


def test_user_folders_cannot_hide_installed_modules(tmp_path: Path) -> None:
    write(tmp_path, "colorsys.py", "raise RuntimeError('hidden')\n")
    write(tmp_path, "model.py", "import colorsys\ndef f(): return colorsys.rgb_to_hsv(0, 0, 0)\n")
    assert load_function("model.py:f", "model.function", tmp_path)() == (0.0, 0.0, 0)


@pytest.mark.parametrize("name", ["study", "analysis", "search_spaces", "payoff"])
def test_a_file_may_have_the_name_of_a_module_of_ours(tmp_path: Path, name: str) -> None:
    write(tmp_path, f"{name}.py", "def f(): return 7\n")
    assert load_function(f"{name}.py:f", "training.function", tmp_path)() == 7
    with pytest.raises(PayoffError, match=rf'{name!r} is payoff\'s own.* write "{name}\.py:f"'):
        load_function(f"{name}:f", "training.function", tmp_path)


@pytest.mark.parametrize("code", ["from study import f", "import study\nf = study.f"])
def test_a_file_that_imports_another_of_the_name_of_ours_is_told_to_rename_it(
    tmp_path: Path, code: str
) -> None:
    write(tmp_path, "study.py", "def f(): return 7\n")
    write(tmp_path, "mine.py", f"{code}\n")
    with pytest.raises(PayoffError, match="'study' is payoff's own: rename your file of that name"):
        load_function("mine.py:f", "training.function", tmp_path)


def test_two_files_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    for folder, value in (("a", 1), ("b", 2)):
        write(tmp_path, f"{folder}/model.py", f"def f(): return {value}\n")
    found = [load_function(f"{folder}/model.py:f", "k", tmp_path)() for folder in "ab"]
    assert found == [1, 2]


@pytest.mark.parametrize("reference", ["", "model.py", "model.py:", ":f", "model.py:1f", "a b:f"])
def test_a_malformed_reference_is_refused_with_the_two_forms(
    reference: str, tmp_path: Path
) -> None:
    (mistake,) = check_reference(reference, "model.function", tmp_path)
    assert mistake.startswith("model.function: must name a ")
    assert repr(reference) in mistake
    assert mistake.endswith('; write "path/to/file.py:name" or "module:name"')


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("absent.py:f", "model.function: there is no such file, got {base}/absent.py; correct"),
        (
            "payoff_absent.inner:f",
            "model.function: there is no module 'payoff_absent', got 'payoff_absent.inner:f'; "
            "install it, or name a file below {base}",
        ),
        ("model.py:biuld", "model.function: model.py has no 'biuld'; did you mean 'build'?"),
        ("model.py:WIDTH", "model.function: must name a function, got 'WIDTH', a int; name anothe"),
        ("typo.py:f", "model.function: typo.py fails (line 2), got SyntaxError: "),
        (
            "broken.py:f",
            "model.function: broken.py fails (line 2), got ZeroDivisionError: division by zero; ",
        ),
        (
            "needy.py:f",
            "model.function: needy.py fails (line 1), got ModuleNotFoundError: No module named "
            "'payoff_not_there'; ",
        ),
        ("leaver.py:f", "model.function: leaver.py fails (line 1), got SystemExit: 3; "),
    ],
)
def test_failures_are_told_in_one_line(reference: str, message: str, tmp_path: Path) -> None:
    write(tmp_path, "model.py", "WIDTH = 3\ndef build(): pass\n")
    write(tmp_path, "typo.py", "x = 1\ndef f(:\n")
    write(tmp_path, "broken.py", "x = 1\nx / 0\n")
    write(tmp_path, "needy.py", "import payoff_not_there\n")
    write(tmp_path, "leaver.py", "raise SystemExit(3)\n")
    with pytest.raises(PayoffError) as caught:
        load_function(reference, "model.function", tmp_path)
    assert str(caught.value).startswith(message.format(base=tmp_path))
    assert "\n" not in str(caught.value)


def test_a_file_that_failed_can_be_mended_and_loaded(tmp_path: Path) -> None:
    write(tmp_path, "model.py", "1 / 0\n")
    with pytest.raises(PayoffError):
        load_function("model.py:f", "model.function", tmp_path)
    write(tmp_path, "model.py", "def f(): return 'mended'\n")
    assert load_function("model.py:f", "model.function", tmp_path)() == "mended"
