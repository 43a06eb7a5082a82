"""A process that answers commands, each in a fork of its own: what it imports is imported once.

Started by :mod:`tests.fuzz.answers` as a script. One line of JSON is a case: what to call, where,
with how much memory and time; one line of JSON is what became of it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import time
from typing import Any


def main(modules: list[str]) -> None:
    """Import, then answer until there are no more cases."""
    for module in modules:
        importlib.import_module(module)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a case prints by mistake is no answer
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), file=answers, flush=True)


def _answer(case: dict[str, Any]) -> dict[str, Any]:
    """Run one case and wait for it; one that takes too long is killed with all that it began."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _run(case)
    hung = False

    def late(number: int, frame: object) -> None:
        nonlocal hung
        hung = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, case["patience"])
    _, status, used = os.wait4(child, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return {
        "status": os.waitstatus_to_exitcode(status),
        "hung": hung or os.waitstatus_to_exitcode(status) == -signal.SIGXCPU,
        "seconds": used.ru_utime + used.ru_stime,
        "waited": time.monotonic() - began,
        "peak": used.ru_maxrss * 1024,
    }


def _run(case: dict[str, Any]) -> None:
    """Be the child: with bounded memory, own streams and the case's folder."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    os.chdir(case["folder"])
    for stream, name in ((0, os.devnull), (1, case["out"]), (2, case["err"])):
        how = os.O_RDONLY if stream == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(name, how), stream)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    with open("/proc/self/statm") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    limit = mapped + case["memory"]
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (case["seconds"], case["seconds"] + 1))
    status = 1
    try:
        module, _, name = case["call"].partition(":")
        status = getattr(importlib.import_module(module), name)(*case["words"]) or 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
