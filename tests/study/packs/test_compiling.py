"""Making the kernels: once, by whatever compiler there is, and doing without one."""

from __future__ import annotations

import ctypes
import dataclasses
import logging
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from study.packs import compiling
from study.packs.compiling import NoCompiler, cache_directory, compilers, load, outlook
from study.packs.fused import train_pack
from study.spec.study_file import load_spec
from study.training.settings import TrainJob, TrainSettings
from study.training.tensors import TensorSplit
from tests.support.commands import environment


def compiler() -> list[str]:
    return compilers()[0]


@pytest.fixture
def quick_compiler(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """One that does not optimise, a tenth of the time: for when and where they are compiled."""
    command = tmp_path_factory.mktemp("compiler") / "quick-cc"
    return script(command, f'exec {shlex.join(compiler())} "$@" -O0')


def script(path: Path, text: str) -> list[str]:
    """Write a compiler that is a shell script; return its command."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return [str(path)]


needs_compiler = pytest.mark.skipif(compiling.kernels() is None, reason="needs a C compiler")

LOAD = """
import sys
from pathlib import Path
from study.packs.compiling import load
print(load([sys.argv[2]], Path(sys.argv[1])).lanes())
"""


def libraries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.so"))


@pytest.mark.slow
@needs_compiler
def test_kernels_are_compiled_once_and_kept(tmp_path: Path, quick_compiler: list[str]) -> None:
    lanes = load(quick_compiler, tmp_path).lanes()
    assert lanes in (4, 8, 16)
    (library,) = libraries(tmp_path)
    made = library.stat()
    load(quick_compiler, tmp_path)
    assert (libraries(tmp_path), library.stat().st_mtime_ns) == ([library], made.st_mtime_ns)
    assert not list(tmp_path.glob("new-*"))


@pytest.mark.slow
@needs_compiler
def test_processes_that_start_together_share_one_compilation(
    tmp_path: Path, quick_compiler: list[str]
) -> None:
    text = f'echo once >>{tmp_path}/count\nexec {quick_compiler[0]} "$@"'
    command = script(tmp_path / "counting-cc", text)
    together = [
        subprocess.Popen(
            [sys.executable, "-c", LOAD, str(tmp_path), *command], stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    answers = {each.communicate()[0] for each in together}
    assert all(each.returncode == 0 for each in together)
    assert len(answers) == 1
    assert (tmp_path / "count").read_text().split() == ["once"]


@pytest.mark.slow
@needs_compiler
def test_a_library_that_was_cut_is_made_anew(tmp_path: Path, quick_compiler: list[str]) -> None:
    load(quick_compiler, tmp_path)
    (library,) = libraries(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / library.name).write_bytes(b"")
    assert load(quick_compiler, other).lanes() >= 4
    assert (other / library.name).stat().st_size == library.stat().st_size


@pytest.mark.slow
@needs_compiler
def test_another_compiler_has_a_library_of_its_own(
    tmp_path: Path, quick_compiler: list[str]
) -> None:
    load(quick_compiler, tmp_path)
    load(script(tmp_path / "other-cc", f'exec {quick_compiler[0]} "$@"'), tmp_path)
    assert len(libraries(tmp_path)) == 2


@pytest.mark.slow
@needs_compiler
def test_options_that_a_compiler_does_not_know_are_left_out(
    tmp_path: Path, quick_compiler: list[str]
) -> None:
    command = script(
        tmp_path / "plain-cc",
        'for word; do case "$word" in -m*) echo "unknown $word" >&2; exit 1; esac; done\n'
        f'exec {quick_compiler[0]} "$@"',
    )
    assert load(command, tmp_path).lanes() >= 4


TRAIN = """
import torch
from tests.support.trainings import blobs
from study.packs.compiling import kernels
from study.packs.fused import train_pack
from study.training.settings import TrainJob
from study.training.settings import TrainSettings

torch.set_num_threads(1)
data = blobs(50)
for family in ("mlp", "cnn"):
    settings = TrainSettings(
        family=family, width=13, depth=2, steps=40, dropout=0.2, batch_size=21, evaluate_every=10
    )
    (result,) = train_pack([TrainJob(settings=settings, data=data)])
    print(*[point.val_loss for point in result.curve], sep="\\n")
print(kernels().lanes())
"""


@pytest.mark.slow
@needs_compiler
@pytest.mark.skipif(platform.machine() != "x86_64", reason="chooses among x86-64's levels")
def test_registers_of_any_width_give_the_same(tmp_path: Path) -> None:
    """Those of this processor, of 8 lanes (AVX2) and of 4 (any x86-64), where it has them."""

    def start(machine: str) -> subprocess.Popen[str]:
        (command,) = script(
            tmp_path / f"cc{machine}",
            "words=\nfor word; do\n"
            f'case "$word" in -march=native) word="{machine}";; esac\n'
            'words="$words $word"; done\n'
            f"exec {shlex.join(compiler())} $words",
        )
        return train(environment(CC=command, XDG_CACHE_HOME=str(tmp_path)))

    def train(where: dict[str, str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", TRAIN], env=where, stdout=subprocess.PIPE, text=True
        )

    def losses(training: subprocess.Popen[str]) -> list[float]:
        said, _ = training.communicate()
        assert training.returncode == 0
        return [float(line) for line in said.split()]

    of_4 = start("-march=x86-64")
    *ours, lanes = losses(train(environment()))
    of_8 = start("-march=x86-64-v3") if lanes > 4 else None
    *plain, four = losses(of_4)
    assert four == 4 and len(plain) == 8
    assert plain == pytest.approx(ours, rel=1e-5)
    if of_8 is not None:
        *wider, eight = losses(of_8)
        assert eight == 8
        assert wider == pytest.approx(ours, rel=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ziglang") is None, reason="needs the extra compiler")
def test_the_compiler_of_the_extra_makes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert compilers() == [[sys.executable, "-P", "-m", "ziglang", "cc"]]
    assert load(compiler(), tmp_path).lanes() >= 4


def test_a_compiler_that_fails_is_told_by_its_first_words(tmp_path: Path) -> None:
    command = script(tmp_path / "broken-cc", "echo 'out of luck' >&2\nexit 1")
    with pytest.raises(NoCompiler, match="broken-cc failed: out of luck"):
        load(command, tmp_path)
    assert libraries(tmp_path) == [] and not list(tmp_path.glob("new-*"))


def test_the_compiler_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", f"{sys.executable} -m compilers.own")
    assert compiler() == [sys.executable, "-m", "compilers.own"]


@pytest.mark.slow
@needs_compiler
def test_where_one_compiler_fails_the_next_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_compiler: list[str]
) -> None:
    monkeypatch.setattr(compiling, "compilers", lambda: [["false"], quick_compiler])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiling.kernels.cache_clear()
    try:
        assert compiling.kernels() is not None
    finally:
        compiling.kernels.cache_clear()


def test_without_a_compiler_packs_are_trained_by_torch(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    make_data: Callable[..., TensorSplit],
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(compiling, "find_spec", lambda name: None)
    compiling.kernels.cache_clear()
    settings = TrainSettings(family="mlp", width=4, depth=1, steps=20)
    try:
        with caplog.at_level(logging.INFO):
            (result,) = train_pack([TrainJob(settings=settings, data=make_data(64))])
    finally:
        compiling.kernels.cache_clear()
    assert "through torch's operations: no C compiler was found" in caplog.text
    assert result.status == "complete"


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize(("header", "structure"), [("pack.h", "Pack"), ("networks.h", "Network")])
def test_kernels_with_a_field_that_python_does_not_know_are_not_used(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    quick_compiler: list[str],
    header: str,
    structure: str,
) -> None:
    sources = tmp_path / "kernels"
    shutil.copytree(compiling.SOURCES, sources)
    text = (sources / header).read_text()
    (sources / header).write_text(text.replace(f"}} {structure};", f"i64 more; }} {structure};"))
    monkeypatch.setattr(compiling, "SOURCES", sources)
    monkeypatch.setattr(compiling, "compilers", lambda: [quick_compiler])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiling.kernels.cache_clear()
    try:
        with caplog.at_level(logging.INFO):
            assert compiling.kernels() is None
    finally:
        compiling.kernels.cache_clear()
    there = ctypes.sizeof(getattr(compiling, structure)) + 8
    (line,) = caplog.messages
    assert "through torch's operations" in line
    assert f"the kernels' {structure} has {there} bytes" in line


def test_a_cache_that_others_may_write_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    mine = cache_directory()
    assert mine == tmp_path / "mine" / "payoff" and mine.stat().st_mode & 0o777 == 0o700
    mine.chmod(0o777)
    shared = cache_directory()
    assert shared == tmp_path / "tmp" / f"payoff-{os.getuid()}" == cache_directory()
    shared.rmdir()
    shared.symlink_to(tmp_path)
    alone = cache_directory()
    assert alone.parent == tmp_path / "tmp" and alone != shared and alone.is_dir()


def test_a_home_that_is_no_folder_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache_directory() == tmp_path / f"payoff-{os.getuid()}"


@pytest.mark.slow
def test_who_starts_a_study_is_told_of_the_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    spec = load_spec(None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiling, "compilers", lambda: [])
    assert "no C compiler here" in outlook(spec) and "payoff[compiler]" in outlook(spec)
    for run in (
        dataclasses.replace(spec.run, trainer="reference"),
        dataclasses.replace(spec.run, trainer="torch-packs"),
        dataclasses.replace(spec.run, device="cuda"),
    ):
        assert outlook(dataclasses.replace(spec, run=run)) == ""
    monkeypatch.undo()
    if compiling.kernels() is None:
        return
    (command,) = request.getfixturevalue("quick_compiler")
    monkeypatch.setenv("CC", command)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "compiled for this processor now" in outlook(spec)
    load(compiler(), cache_directory())
    assert outlook(spec) == ""


@pytest.mark.slow
@needs_compiler
def test_what_a_killed_compilation_left_is_removed(
    tmp_path: Path, quick_compiler: list[str]
) -> None:
    old, new = tmp_path / "new-old", tmp_path / "new-new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "kernels.so").write_bytes(b"half")
    os.utime(old, (0, 0))
    load(quick_compiler, tmp_path)
    assert not old.exists() and new.exists()
