"""Workers as actors of a Ray cluster: Ray places them, the study's storage does the rest."""

from __future__ import annotations

import argparse
import contextlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.errors import PayoffError
from study.launch.engines.engine import Engine, Order, watch_over
from study.launch.joining import environment
from study.places import Places
from study.redaction import redact

QUICK_FAILURES = 10
"""Actors that may fail one after the other, with no trial finished between, before giving up."""

DRAIN_SECONDS = 60.0
"""How long actors may take for what they have in hand when a run is interrupted."""


class Member:
    """One worker on a node of the cluster; the class of the actor."""

    def __init__(self, threads: int, addresses: dict[str, str]) -> None:
        os.environ |= addresses
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = str(threads)
        self._stop = threading.Event()

    def placed(self) -> None:
        """Answer: then a node has taken it in."""

    def work(self, text: str | None, base: str, root: str) -> int:
        """Work until no trial is left; return how many trials were done.

        The study comes as its text: the file need not be on this node.
        """
        import tomllib

        from study.launch.joining import from_environment
        from study.launch.worker import work
        from study.spec.study_file import parse_spec

        spec = parse_spec(tomllib.loads(text) if text else {}, base=Path(base))
        return work(from_environment(spec), Places(Path(root)), self._stop, alone=True).trials

    def stop(self) -> None:
        """End after what is in hand."""
        self._stop.set()


@dataclass(frozen=True, kw_only=True)
class Ray(Engine):
    """Actors of a cluster; those that die while trials are left are replaced."""

    address: str | None = None
    """A running cluster (``auto``, ``ray://host:port``); None starts one on this machine."""
    cpus: float = 1.0
    gpus: float = 0.0
    """Shares of a node; fractions are allowed."""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--address", help="ray: address of a running cluster (auto, ray://...)")

    def run(self, order: Order) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody
        try:
            import ray
        except ImportError:
            raise PayoffError("--on ray: Ray is not installed; pip install 'payoff[ray]'") from None
        ours = not ray.is_initialized()
        try:
            if ours:
                # Ray puts the folder that it is started from first on its workers' path: a file
                # study.py in the user's would stand in for this package.
                with contextlib.chdir(Path(__file__).parents[3]):
                    ray.init(address=self.address, log_to_driver=False, include_dashboard=False,
                             configure_logging=False)  # fmt: skip
        except Exception as error:
            reason = redact(error).splitlines()[0]
            text = f"--address: no Ray cluster answers at {self.address} ({reason})"
            raise PayoffError(text) from None
        members = _Members(ray, self, order)
        try:
            members.look_after()
            watch_over(order, members.look_after)
            members.end()
        finally:
            if ours:
                ray.shutdown()


ENGINE = Ray()


class _Members:
    """The actors of one run."""

    def __init__(self, ray: Any, engine: Ray, order: Order) -> None:
        self._ray, self._spec, self._keeper = ray, order.spec, order.keeper
        file = order.study_file
        text = Path(file).expanduser().read_text(encoding="utf-8") if file else None
        self._task = (text, str(order.spec.base), str(order.places.root))
        # Restarts are ours to make: Ray would restart an actor that has nothing left to do.
        options = {"num_cpus": engine.cpus, "num_gpus": engine.gpus}
        self._kind = ray.remote(**options, max_restarts=0, max_concurrency=2)(Member)
        self._at_work: dict[Any, Any] = {}
        """Actor by the reference of its result."""
        self._placed: dict[Any, Any] = {}
        """The reference of the answer that an actor is on a node, by that of its result."""
        self._failures, self._finished = 0, -1

    def look_after(self) -> None:
        """Start what is missing: actors that end while trials are left are replaced."""
        wanted = self._keeper.store.n_hands(self._spec.run.workers or 1)
        for reference in self._ended(within=0.0):
            actor = self._at_work.pop(reference)
            del self._placed[reference]
            try:
                self._ray.get(reference)
            except Exception as error:
                self._count_failure(error)
            self._ray.kill(actor)
        for _ in range(wanted - len(self._at_work)):
            actor = self._kind.remote(self._spec.run.threads, environment(self._spec))
            placed = actor.placed.remote()
            reference = actor.work.remote(*self._task)
            self._at_work[reference], self._placed[reference] = actor, placed

    def _ended(self, within: float) -> list[Any]:
        """Return the references of actors that ended; wait for all of them for so many seconds.

        For all that are on a node: one that never found room has nothing to end.
        """
        answers = {placed: reference for reference, placed in self._placed.items()}
        every = [answers[placed] for placed in self._known(list(answers), within=0.0)]
        return self._known(every, within)

    def _known(self, references: list[Any], within: float) -> list[Any]:
        """Return the references whose values are known; wait for them for so many seconds."""
        if not references:
            return []
        n = len(references)
        known: list[Any] = self._ray.wait(references, num_returns=n, timeout=within)[0]
        return known

    def _count_failure(self, error: Exception) -> None:
        cause = getattr(error, "cause", None)
        if isinstance(cause, PayoffError):
            raise PayoffError(redact(cause)) from None
        finished = self._keeper.store.counts().finished
        self._failures = self._failures + 1 if finished == self._finished else 1
        self._finished = finished
        if self._failures >= QUICK_FAILURES:
            text = redact(str(error)).strip().splitlines()[-1]
            raise PayoffError(f"workers on Ray keep failing: {text}") from None

    def end(self) -> None:
        """Let the actors end what they have in hand, for a while; then end them."""
        for actor in self._at_work.values():
            actor.stop.remote()
        with contextlib.suppress(Exception):
            self._ended(within=DRAIN_SECONDS)
        for actor in self._at_work.values():
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
