"""The C kernels of the fused trainer: compiled on first use by the machine's own compiler.

The sources stand in ``kernels/``. What is compiled is kept in the user's cache directory under a
name that holds a digest of sources, compiler, options and processor, so that another machine with
the same home directory makes its own. With no compiler, packs are trained through torch's own
operations: the same results, more slowly.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import itertools
import logging
import os
import platform
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from study.errors import StorageError
from study.locks import holding
from study.packs.written import WRITTEN

if TYPE_CHECKING:
    from study.spec.study_file import StudySpec

log = logging.getLogger(__name__)

SOURCES: Final = Path(__file__).parent / "kernels"

OPTIONS: Final = ("-O3", "-shared", "-fPIC", "-w")
PRECISE: Final = ("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast")
"""Fused multiply-adds are wanted; nothing that would reorder sums, or take NaN for a number."""

MACHINES: Final[tuple[tuple[str, ...], ...]] = (
    ("-march=native", "-mprefer-vector-width=512"),
    ("-march=native",),
    ("-mcpu=native",),
    (),
)
"""Options that say "for this processor", by what compilers take them; the first that works."""

COMPILE_SECONDS: Final = 120.0


class Pack(ctypes.Structure):
    """``Pack`` of ``kernels/pack.h``, field by field."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("n_models", "n_slots", "n_tensors")),
        *((name, ctypes.c_int64) for name in ("batch", "n_inputs", "n_outputs")),
        *((name, ctypes.c_void_p) for name in ("slot_ends", "sizes")),
        *((name, ctypes.c_void_p) for name in ("parameters", "first", "second", "masks")),
        *((name, ctypes.c_void_p) for name in ("decays", "inputs", "targets", "rows")),
        *((name, ctypes.c_int64) for name in ("same_rows", "loss")),
        *((name, ctypes.c_void_p) for name in ("smoothing", "mixing", "temperature")),
        *((name, ctypes.c_void_p) for name in ("teachers", "loss_sums")),
        ("adam", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("rates", "kept", "weight_decay", "l1", "l2")),
        *((name, ctypes.c_void_p) for name in ("momentum", "streams", "thresholds", "keep_scale")),
    ]


class Network(ctypes.Structure):
    """``Network`` of ``kernels/networks.h``, field by field."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("depth", "width")),
        *((name, ctypes.c_void_p) for name in ("widths", "layers")),
    ]


class NoCompiler(Exception):
    """Why there are no compiled kernels."""


@lru_cache(maxsize=1)
def kernels() -> ctypes.CDLL | None:
    """Return the compiled kernels; None where they cannot be had, with the reason in the log."""
    reasons = []
    for command in compilers():
        try:
            library = _declared(load(command, cache_directory()))
        except (NoCompiler, StorageError, OSError, subprocess.SubprocessError) as reason:
            reasons.append(str(reason))
            continue
        log.info("packs are trained by compiled kernels, %d lanes wide", library.lanes())
        return library
    why = "; ".join(reasons) or "no C compiler was found (CC, cc, gcc, clang, the extra compiler)"
    log.info("packs are trained through torch's operations: %s", why)
    return None


def outlook(spec: StudySpec) -> str:
    """Say in a line what whoever starts a study here should know of the kernels, if anything."""
    run = spec.run
    asked = run.trainer == "packs" and run.device == "cpu" and not spec.training.function
    if not asked or spec.model.family not in WRITTEN:
        return ""
    commands = compilers()
    if not commands:
        return (
            "no C compiler here: trials train by torch's operations, up to six times slower; "
            "pip install 'payoff[compiler]' brings one"
        )
    if not _library(commands[0], cache_directory()).exists():
        return "the trainer's kernels are compiled for this processor now, once: some seconds"
    return ""


def compilers() -> list[list[str]]:
    """Commands of the C compilers there are: ``CC``, cc, gcc, clang, and the package ziglang's."""
    found = []
    for command in (shlex.split(os.environ.get("CC", "")), ["cc"], ["gcc"], ["clang"]):
        if command and shutil.which(command[0]):
            found.append(command)
    if find_spec("ziglang") is not None:
        found.append([sys.executable, "-P", "-m", "ziglang", "cc"])
    return found


def cache_directory() -> Path:
    """Where compiled kernels are kept: the user's cache, or a folder of the user's in ``/tmp``."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    shared = Path(tempfile.gettempdir()) / f"payoff-{os.getuid()}"
    for folder in (Path(home) / "payoff", shared):
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_ours(folder):
                return folder
    return Path(tempfile.mkdtemp(prefix="payoff-"))


def _is_ours(folder: Path) -> bool:
    """Whether we can write to a folder and nobody else can: what stands there is executed."""
    found = folder.lstat()
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return mine and not found.st_mode & 0o022 and os.access(folder, os.W_OK)


def load(command: Sequence[str], folder: Path) -> ctypes.CDLL:
    """Load the kernels from ``folder``, compiled by ``command`` if they are not there yet."""
    library = _library(command, folder)
    if library.exists():
        try:
            return ctypes.CDLL(str(library))
        except OSError as error:  # a disk that was full, a file that was cut: made anew
            log.warning("%s cannot be loaded (%s): it is compiled again", library, error)
            library.unlink(missing_ok=True)
    with holding(library.with_suffix(".lock")):
        if not library.exists():
            _compile(command, library)
    return ctypes.CDLL(str(library))


def _library(command: Sequence[str], folder: Path) -> Path:
    return folder / f"kernels-{_digest(command)}.so"


def _compile(command: Sequence[str], library: Path) -> None:
    words = ""
    for left in library.parent.glob("new-*"):  # by a process that was killed
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > 2 * COMPILE_SECONDS:
                shutil.rmtree(left)
    with tempfile.TemporaryDirectory(dir=library.parent, prefix="new-") as folder:
        made = str(Path(folder) / library.name)
        for machine in MACHINES:
            full = [
                *command,
                *OPTIONS,
                *PRECISE,
                *machine,
                str(SOURCES / "kernels.c"),
                "-lm",
                "-o",
                made,
            ]
            done = subprocess.run(
                full, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False
            )
            if done.returncode == 0:
                os.replace(made, library)  # a reader sees all of it or nothing
                return
            words = words or done.stderr.strip().partition("\n")[0]
    raise NoCompiler(f"{' '.join(command)} failed: {words}")


def _digest(command: Sequence[str]) -> str:
    whole = hashlib.sha256()
    for source in sorted(SOURCES.glob("*.[ch]")):
        whole.update(source.read_bytes())
    machines = itertools.chain.from_iterable(MACHINES)
    for part in (*command, *OPTIONS, *PRECISE, *machines, *_version(command), *_processor()):
        whole.update(part.encode() + b"\0")
    return whole.hexdigest()[:20]


def _version(command: Sequence[str]) -> Iterator[str]:
    program = shutil.which(command[0]) or command[0]
    yield program
    yield str(os.stat(program).st_mtime_ns)
    if "ziglang" in command:
        yield version("ziglang")


def _processor() -> Iterator[str]:
    yield platform.machine()
    yield platform.processor()
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(errors="replace").splitlines():
            if line.partition(":")[0].strip() in ("model name", "flags", "Features"):
                yield line
            elif not line.strip():  # the first processor tells of all
                return


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """Say what the kernels take and give; they must see the structures as they are here."""
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    for name, takes, gives in (
        ("lanes", [], number),
        ("pack_bytes", [], number),
        ("network_bytes", [], number),
        ("working_bytes", [pointer] * 2, number),
        ("take_steps", [pointer] * 3 + [number] * 5, None),
        ("predict", [pointer] * 4 + [number] * 2 + [pointer], None),
    ):
        kernel = getattr(library, name)
        kernel.argtypes, kernel.restype = takes, gives
    for structure, there in ((Pack, library.pack_bytes()), (Network, library.network_bytes())):
        here = ctypes.sizeof(structure)
        if there != here:
            raise NoCompiler(
                f"the kernels' {structure.__name__} has {there} bytes, got {here} in Python; "
                "give both the same fields"
            )
    return library
