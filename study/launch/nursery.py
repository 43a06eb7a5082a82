"""One Python that has imported what a run's processes need, and forks them.

To import torch takes two seconds of a processor, and each process that is started anew pays them. A
nursery is forked off the command as soon as that has imported what all share; it imports the rest
while the storages are opened, and then forks each worker in milliseconds, its memory shared.

A fork is safe only from a process of one thread, whose locks nobody else can hold. So there is no
nursery, and every process is started anew (``spawn``), where

- the system is not Linux: elsewhere system libraries start threads, or cannot be forked at all;
- this process has a second thread: OpenBLAS's, where ``OMP_NUM_THREADS`` says so, or anybody's;
- it is not ours: :func:`payoff.run` never forks the notebook or script that calls it.

A nursery opens no storage, starts no thread, draws no random number and uses no device. It ends
when the process that began it does, however that ends; what takes the place of a worker that died
is started anew.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

from study.redaction import redact

TASKS = Path("/proc/self/task")
"""Has an entry for each thread of this process, Python's and all others."""

LONGEST_REQUEST = 1 << 16
"""Bytes."""

PATIENCE_SECONDS = 300.0
"""How long it may take to import everything, from a slow disk."""


class Forked:
    """A process that a nursery forked, with what is used here of :class:`subprocess.Popen`."""

    def __init__(self, nursery: Nursery, pid: int, stdin: IO[bytes], stdout: IO[bytes] | None):
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self.returncode: int | None = None
        self._nursery = nursery
        # Nobody reaps the process before its status is asked for: the number is still its own.
        self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return its exit status if it has ended, negative for a signal."""
        return self._status(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status once it has ended, within so many seconds if any are given."""
        status = self._status(None if timeout is None else round(1000 * timeout))
        if status is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        """Send it a signal if it lives."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *error: object) -> None:
        for pipe in (self.stdin, self.stdout):
            if pipe is not None:
                pipe.close()
        self.wait()

    def _status(self, milliseconds: int | None) -> int | None:
        if self.returncode is None:
            ended = select.poll()
            ended.register(self._handle, select.POLLIN)
            if ended.poll(milliseconds):
                os.close(self._handle)
                self.returncode = self._nursery.status_of(self.pid)
        return self.returncode


class Nursery:
    """The process, as whoever began it sees it."""

    def __init__(self, channel: socket.socket, pid: int) -> None:
        self._channel, self._pid = channel, pid

    def load(self, modules: Sequence[str], variables: Mapping[str, str]) -> None:
        """Let it import modules under some variables of the environment; don't wait for it."""
        with contextlib.suppress(OSError):  # it is gone: whoever asks for a process will see
            self._send({"load": list(modules), "variables": dict(variables)})

    def start(
        self,
        module: str,
        words: Sequence[str] = (),
        *,
        variables: Mapping[str, str] | None = None,
        log: int | None = None,
    ) -> Forked | None:
        """Fork a process that calls ``main(words)`` of a module, when all is imported.

        What it prints goes to the file descriptor ``log``; without one its standard output is a
        pipe, and its errors go where ours go. None where it can't be forked: start it anew.
        """
        asked = {"start": module, "words": list(words), "variables": dict(variables or {})}
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe() if log is None else (-1, log)
        handed = [theirs_in, theirs_out, 2 if log is None else log]
        pipes = [os.fdopen(ours_in, "wb")] + ([os.fdopen(ours_out, "rb")] if log is None else [])
        try:
            pid = int(self._ask(asked, handed))
            if pid:
                return Forked(self, pid, pipes[0], pipes[1] if log is None else None)
        except (OSError, ValueError):
            self.close()  # an answer that comes too late would be taken for another's
        finally:
            os.close(theirs_in)
            if log is None:
                os.close(theirs_out)
        for pipe in pipes:
            pipe.close()
        return None

    def status_of(self, pid: int) -> int:
        """Return how a process of the nursery's ended; as if killed where nobody knows."""
        try:
            return int(self._ask({"ended": pid}))
        except (OSError, ValueError):
            return -signal.SIGKILL

    def close(self) -> None:
        """End it."""
        self._channel.close()
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0

    def _send(self, request: Mapping[str, Any], handed: Sequence[int] = ()) -> None:
        socket.send_fds(self._channel, [json.dumps(request).encode()], handed)

    def _ask(self, request: Mapping[str, Any], handed: Sequence[int] = ()) -> bytes:
        self._send(request, handed)
        return self._channel.recv(LONGEST_REQUEST)


@contextmanager
def nursery() -> Iterator[Nursery | None]:
    """Fork a nursery off this process, for as long as the block lasts; None where that is unsafe.

    Other threads begin after it: a bar that moves, a client of MLflow.
    """
    young = _fork_off() if is_safe() else None
    try:
        yield young
    finally:
        if young is not None:
            young.close()


def is_safe() -> bool:
    """Tell whether this process may be forked, and its children's children watched over."""
    if not sys.platform.startswith("linux") or not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))  # which kernels before 5.3 have not
        return len(list(TASKS.iterdir())) == 1
    except OSError:
        return False


def _fork_off() -> Nursery | None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()  # else what is in it would be printed twice
    try:
        pid = os.fork()
    except OSError:  # no process to be had
        ours.close()
        theirs.close()
        return None
    if pid == 0:
        _end_with(lambda: _serve(theirs))
    theirs.close()
    ours.settimeout(PATIENCE_SECONDS)
    return Nursery(ours, pid)


def _serve(channel: socket.socket) -> int:
    """Be a nursery until whoever began it is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group; others decide
        signal.signal(number, signal.SIG_IGN)
    atexit._clear()  # what our parent is to do at its end is not ours to do
    nothing = os.open(os.devnull, os.O_RDWR)
    for target in range(3):
        os.dup2(nothing, target)
    own = channel.fileno()
    os.closerange(3, own)
    os.closerange(own + 1, os.sysconf("SC_OPEN_MAX"))
    able = True
    while True:
        text, handed, _, _ = socket.recv_fds(channel, LONGEST_REQUEST, 3)
        if not text:
            return 0
        request: dict[str, Any] = json.loads(text)
        if "load" in request:
            os.environ.update(request["variables"])
            able = able and _loaded(request["load"])
        elif "start" in request:
            pid = _fork(request, handed, channel) if able and len(handed) == 3 else 0
            for descriptor in handed:
                os.close(descriptor)
            channel.send(str(pid).encode())
        else:
            status = os.waitstatus_to_exitcode(os.waitpid(request["ended"], 0)[1])
            channel.send(str(status).encode())


def _loaded(modules: Sequence[str]) -> bool:
    """Import modules; tell whether they can be, and no thread was started by it."""
    try:
        for name in modules:
            importlib.import_module(name)
    except Exception:  # a process that is started anew will say what is wrong
        return False
    gc.collect()
    gc.freeze()  # a collection would touch, and so copy, every object in every child
    return is_safe()


def _fork(request: Mapping[str, Any], handed: Sequence[int], channel: socket.socket) -> int:
    """Fork a process; 0 where none is to be had."""
    try:
        pid = os.fork()
    except OSError:
        return 0
    if pid:
        return pid

    def live() -> int:
        channel.close()
        for target, descriptor in enumerate(handed):
            os.dup2(descriptor, target)
            os.close(descriptor)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115  (for as long as the process lives)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.environ.update(request["variables"])
        sys.argv = [request["start"], *request["words"]]
        _new_seed()
        status: int = importlib.import_module(request["start"]).main(list(request["words"]))
        return status

    _end_with(live)


def _new_seed() -> None:
    """Let NumPy's global generator differ between siblings, as Python's own does by itself.

    Nothing here draws from it: trials are seeded by their slots. A user's trainer may.
    """
    import numpy as np

    np.random.seed()  # noqa: NPY002


def _end_with(live: Any) -> NoReturn:
    """Exit with what a function returns, never by the way our parent's frames would take."""
    status = 1
    try:
        status = live()
    except SystemExit as wish:
        status = wish.code if isinstance(wish.code, int) else int(wish.code is not None)
    except BaseException:
        sys.stderr.write(redact(traceback.format_exc()))
    finally:
        try:
            for thread in threading.enumerate():
                if thread is not threading.current_thread() and not thread.daemon:
                    thread.join()
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
