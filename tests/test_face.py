"""``import payoff``: light, whole, typed, and not to be hidden by files of the user's."""

from __future__ import annotations

import ast
import doctest
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import payoff
from tests.support.house import ROOT

HEAVY = ("torch", "numpy", "scipy", "pandas", "matplotlib", "optuna", "mlflow")

FIT = """
import payoff
size = [100, 300, 1_000, 3_000, 10_000, 30_000]
error = [0.30, 0.18, 0.11, 0.08, 0.071, 0.069, 0.31, 0.175, 0.115, 0.078, 0.072, 0.068]
fit = payoff.fit_curve(2 * size, error)
print(fit.payoff("marginal").kind)
"""
TINY = """
[study]
name = "tiny"
[data]
sizes = [80]
[space]
width = [2, 8, 32]
depth = [1]
prune_ratio = 0.0
learning_rate = 0.01
weight_decay = 0.0
dropout = 0.0
[training]
epochs = 1
min_steps = 10
[search]
trials = 0
[replicates]
draws = 2
[run]
workers = 1
[analysis]
resamples = 100
"""

NOT_OURS = """
[mypy]
[mypy-torch.*,mlflow.*,optuna.*,sqlalchemy.*,scipy.*,pandas.*,matplotlib.*]
follow_imports = skip
"""
"""For mypy, which would read these packages for a minute; a user's script has no types of them."""


def python(
    folder: Path, *words: str, executable: str = sys.executable, path: str = str(ROOT)
) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with this repository behind it on the path."""
    return subprocess.run(
        [executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def script(folder: Path, text: str, name: str = "script.py") -> subprocess.CompletedProcess[str]:
    """Run a script that stands in a folder."""
    (folder / name).write_text(text)
    return python(folder, name)


# -- what it is ---------------------------------------------------------------------------------


def test_importing_it_loads_nothing_else(tmp_path: Path) -> None:
    done = script(tmp_path, "import payoff, sys; print(*sys.modules)")
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "payoff" in loaded
    assert loaded.isdisjoint((*HEAVY, "study", "analysis", "search_spaces"))


def test_reading_a_study_file_and_asking_for_an_error_load_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    code = "import payoff, sys; payoff.load('tiny.toml'), payoff.PayoffError; print(*sys.modules)"
    loaded = {name.partition(".")[0] for name in script(tmp_path, code).stdout.split()}
    assert "study" in loaded
    assert loaded.isdisjoint(set(HEAVY) - {"numpy"})


def test_every_public_name_is_there_and_listed() -> None:
    for name in payoff.__all__:
        assert getattr(payoff, name) is not None
    assert dir(payoff) == sorted(payoff.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        payoff.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_what_type_checkers_see_is_what_runs() -> None:
    tree = ast.parse((ROOT / "payoff.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {}
    for node in block.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert alias.asname == alias.name  # else it is no part of the interface
                seen[alias.name] = node.module
    assert seen.pop("plots") == "analysis"
    assert seen == payoff._HOMES


def test_errors_of_every_package_are_of_one_kind() -> None:
    errors = [name for name in payoff.__all__ if isinstance(getattr(payoff, name), type)]
    kinds = [getattr(payoff, name) for name in errors]
    raised = [kind for kind in kinds if issubclass(kind, Exception)]
    found = [kind for kind in raised if not issubclass(kind, Warning)]
    assert len(found) >= 7
    assert all(issubclass(kind, payoff.PayoffError) for kind in found)


def test_its_examples_work() -> None:
    assert doctest.testmod(payoff).failed == 0


# -- files of the user's by the names of our packages ---------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["analysis", "study", "search_spaces"])
def test_a_file_of_a_packages_name_that_nobody_imports_is_no_hindrance(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / f"{name}.py").write_text("raise RuntimeError('this is the file of the user')\n")
    done = script(tmp_path, FIT)
    assert done.stdout == "pays_off_until\n", done.stderr
    assert f"{name}.py has the name of payoff's own package '{name}'" in done.stderr
    assert "rename that file if you import it" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["analysis", "study", "search_spaces"])
def test_the_script_itself_may_have_the_name_of_a_package(tmp_path: Path, name: str) -> None:
    done = script(tmp_path, FIT, f"{name}.py")
    assert (done.stdout, done.stderr) == ("pays_off_until\n", "")


@pytest.mark.parametrize("name", ["analysis", "study", "search_spaces"])
def test_a_folder_of_a_packages_name_is_no_hindrance(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "notes.py").write_text("")
    done = script(tmp_path, FIT)
    assert (done.stdout, done.stderr) == ("pays_off_until\n", "")


@pytest.mark.parametrize("name", ["analysis", "study", "search_spaces"])
@pytest.mark.parametrize("is_package", [False, True])
def test_a_file_that_was_imported_instead_of_a_package_is_named_in_one_line(
    tmp_path: Path, name: str, is_package: bool
) -> None:
    file = tmp_path / (f"{name}/__init__.py" if is_package else f"{name}.py")
    file.parent.mkdir(exist_ok=True)
    file.write_text("answer = 42\n")
    done = script(tmp_path, f"import {name}\nassert {name}.answer == 42\n{FIT}")
    assert done.returncode == 1
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert str(file) in last
    assert f"payoff's own package '{name}'; rename it" in last
    assert "During handling" not in done.stderr
    assert "direct cause" not in done.stderr


def test_a_module_with_no_spec_is_named_by_its_file_or_is_the_package_itself(
    tmp_path: Path,
) -> None:
    code = "import sys, types\nsys.modules['study'] = it = types.ModuleType('study')\n"
    done = script(tmp_path, f"{code}it.__file__ = '/their/study.py'\n{FIT}")
    assert "NameTaken: /their/study.py was imported under the name" in done.stderr
    done = script(tmp_path, f"{code}del it.__spec__\n{FIT}")
    assert "NameTaken: a folder 'study' was imported" in done.stderr
    done = script(tmp_path, f"import study\nstudy.__spec__ = None\n{FIT}")
    assert (done.stdout, done.stderr) == ("pays_off_until\n", "")


def test_the_error_is_a_payoff_error_and_an_import_error(tmp_path: Path) -> None:
    (tmp_path / "study.py").write_text("")
    code = "import study, payoff\ntry: payoff.run\nexcept ImportError as e: print(type(e).__mro__)"
    done = script(tmp_path, code)
    assert "NameTaken" in done.stdout
    assert "PayoffError" in done.stdout


@pytest.mark.slow
def test_a_whole_study_runs_from_a_bare_script_beside_files_of_all_names(tmp_path: Path) -> None:
    for name in ("analysis", "study", "search_spaces"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('this is the file of the user')\n")
    (tmp_path / "tiny.toml").write_text(TINY)
    # No ``if __name__ == "__main__"``: the workers are no children that import the script again.
    done = script(
        tmp_path,
        "import payoff\n"
        "analysis = payoff.run('tiny.toml', quiet=True)\n"
        "print(type(analysis).__name__, len(payoff.trials('tiny')), payoff.__file__)\n",
    )
    assert done.stdout == f"StudyAnalysis 6 {ROOT / 'payoff.py'}\n", done.stderr


@pytest.mark.slow
def test_the_command_works_beside_files_of_all_names(tmp_path: Path) -> None:
    for name in ("analysis", "study", "search_spaces"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('this is the file of the user')\n")
    (tmp_path / "tiny.toml").write_text(TINY)
    command = tmp_path / "bin" / "payoff"
    command.parent.mkdir()
    command.write_text("import sys\nfrom study.cli import main\nsys.exit(main())\n")
    done = python(tmp_path, str(command), "run", "tiny.toml", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert "cannot tell" in done.stdout  # three sizes


@pytest.mark.slow
def test_a_notebook_beside_files_of_all_names_works_until_it_imports_one(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    for name in ("analysis", "study", "search_spaces"):
        (tmp_path / f"{name}.py").write_text("answer = 42\n")
    for first, expected in (
        ("", "pays_off_until"),
        ("import analysis", "analysis.py was imported"),
    ):
        book = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(text) for text in (first, FIT)]
        )
        runner = client.NotebookClient(
            book, resources={"metadata": {"path": str(tmp_path)}}, allow_errors=True
        )
        path = os.pathsep.join([str(tmp_path), str(ROOT)])  # the notebook's folder comes first
        runner.execute(env={**os.environ, "PYTHONPATH": path})
        said = "".join(
            str(output.get("text", output.get("evalue", ""))) for output in book.cells[1].outputs
        )
        assert expected in said


# -- as it is installed --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Python of a new environment in which the wheel is installed; packages come from this one."""
    pytest.importorskip("hatchling", reason="builds the wheel: pip install '.[test]'")
    folder = tmp_path_factory.mktemp("installed")
    build = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    done = subprocess.run(
        [sys.executable, *build, str(ROOT)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    executable = folder / "venv" / "bin" / "python"
    place = python(folder, "-c", "import site; print(site.getsitepackages()[0])",
                   executable=str(executable), path="").stdout.strip()  # fmt: skip
    install = ["-m", "pip", "install", "-q", "--no-deps", "--target", place, str(wheel)]
    done = subprocess.run([sys.executable, *install], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    others = [path for path in sys.path if path.endswith("site-packages")]
    (Path(place) / "others.pth").write_text("\n".join(others) + "\n")
    return str(executable)


@pytest.mark.slow
def test_the_wheel_holds_it(installed: str, tmp_path: Path) -> None:
    (tmp_path / "analysis.py").write_text("")
    (tmp_path / "script.py").write_text(
        f"{FIT}\nimport study.cli\nprint(payoff.__file__, study.cli.__file__, payoff.__version__)"
    )
    done = python(tmp_path, "script.py", executable=installed, path="")
    kind, files = done.stdout.splitlines()
    assert kind == "pays_off_until"
    assert len(files.split()) == 3
    assert str(ROOT) not in files


@pytest.mark.slow
def test_a_users_script_is_typed_by_the_wheel(installed: str, tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "script.py").write_text(
        "from pathlib import Path\n"
        "import payoff\n"
        "from payoff import AnalysisSettings, StudyAnalysis\n"
        "def sentence(path: Path) -> str:\n"
        "    analysis: StudyAnalysis = payoff.run(payoff.load(path), workers=2)\n"
        "    again = payoff.analyse(payoff.trials(path), AnalysisSettings(marginal=0.05))\n"
        "    reveal_type(again.fits)\n"
        "    return analysis.sentence\n"
        "payoff.nothing\n"
    )
    (tmp_path / "mypy.ini").write_text(NOT_OURS)
    words = ["-m", "mypy", "--strict", "--python-executable", installed, "--no-incremental"]
    done = python(tmp_path, *words, "script.py", path="")
    lines = done.stdout.splitlines()
    assert "CurveFit" in lines[0]
    assert 'no attribute "nothing"' in lines[1]
    assert lines[2].startswith("Found 1 error")
