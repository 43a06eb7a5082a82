"""What all tests share, and how they are told apart and spread over processes."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest

# The tests share the cores of the machine: each process, and each that it starts, uses one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# gRPC's handlers of forks end servers that are started beside a proxy.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

# At the end, for `tests` and `benchmarks`: of the packages, the installed ones come first.
sys.path.append(str(Path(__file__).parents[1]))

from tests.support.browser import browser
from tests.support.databases import own_postgresql, postgresql
from tests.support.needs import FIXTURES, missing
from tests.support.servers import server_address
from tests.support.sharing import close_folder, open_folder

# `benchmarks` is ours even where a package has left a folder of that name (pyarrow 17 did).
sys.modules["benchmarks"] = ModuleType("benchmarks")
sys.modules["benchmarks"].__path__ = [str(Path(__file__).parents[1] / "benchmarks")]

# The hundreds of processes that tests start read bytecode, and need not compile the packages again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

__all__ = ["browser", "own_postgresql", "postgresql", "server_address"]

LONGEST = (
    "study/launch/test_distributed.py",
    "study/launch/test_kills.py",
    "study/launch/test_rounds.py",
    "docs/test_tutorial.py",
    "acceptance/test_chaos.py",
    "contracts/test_upstream.py",
    "stores/test_old_stores.py",
    "acceptance/test_routes.py",
    "analysis/verdicts/test_falling.py",
    "contracts/test_storages.py",
    "acceptance/test_default_study.py",
    "study/cli/test_run.py",
    "docs/test_commands.py",
    "acceptance/test_pruning_law.py",
    "study/launch/test_engines.py",
    "test_face.py",
    "study/packs/test_compiling.py",
    "acceptance/test_double_descent.py",
    "study/launch/test_interface.py",
    "analysis/export/test_export.py",
    "analysis/forecasts/test_identification.py",
    "analysis/test_simulation.py",
    "docs/test_notebooks.py",
    "contracts/test_one_file.py",
    "analysis/test_simulation.py",
    "analysis/plots/test_plots.py",
    "contracts/test_storages.py",
    "study/compression/test_levels.py",
    "study/launch/test_own_trainer.py",
    "study/packs/test_fused_perceptrons.py",
    "study/queue/test_results.py",
    "study/tracking/test_experiment.py",
    "study/tracking/test_tracker.py",
    "study/handover/test_workplace.py",
    "study/cli/test_size.py",
    "study/cli/test_regularisation.py",
    "study/training/test_published_accuracies.py",
    "analysis/test_hostile.py",
    "study/cli/test_elsewhere.py",
    "study/cli/test_routes.py",
    "study/tracking/test_experiment.py",
)
"""Files that take more than 20 s (``--durations``), the longest first."""

ROOT = Path(__file__).parent

LONG = (
    "fuzz/test_tables.py",
    "fuzz/test_study_files.py",
    "study/tracking/test_together.py",
    "study/queue/test_mending.py",
    "study/queue/test_next_points.py",
    "analysis/design/test_adaptive.py",
    "analysis/tuning/test_longer.py",
    "analysis/tuning/test_next_points.py",
    "study/queue/test_winners.py",
    "analysis/report/test_shapes.py",
    "analysis/report/test_page.py",
    "analysis/export/test_shape_tables.py",
    "analysis/plots/test_pictures.py",
    "analysis/plots/test_shapes.py",
    "analysis/routes/test_findings.py",
    "analysis/routes/test_comparison.py",
    "analysis/tuning/test_best_values.py",
    "analysis/curves/test_interleaved.py",
    "study/tracking/test_tracker.py",
    "tables/test_meaning.py",
    "test_findings.py",
)
"""Files that are slow as a whole: half of what all others without a mark take. Each room has
quick ones beside them."""

NOT_QUICK = frozenset({"slow", "browser", "database", "engine", "latex", "gpu", "fuzz"})


def pytest_configure(config: pytest.Config) -> None:
    """Hear Ctrl-C, also in the background; what is shared is of the process started by hand."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # which what we start would inherit
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        open_folder()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        close_folder()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """No further processes for a single file, whose tests stay together; else one a core.

    One more where slow tests are among them: those wait (for a database that is away, a node that
    is lost, trials that sleep) while others can use the core.
    """
    if len(config.args) == 1 and (config.args[0].endswith(".py") or "::" in config.args[0]):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (cores or 1) + (config.option.markexpr != "quick")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs what, and what is quick; begin with the files that take long."""
    long = {ROOT / path for path in LONG}
    for item in items:
        if item.path in long:
            item.add_marker("slow")
        for fixture in FIXTURES.keys() & getattr(item, "fixturenames", ()):
            item.add_marker(FIXTURES[fixture])
        if not NOT_QUICK & {mark.name for mark in item.iter_markers()}:
            item.add_marker("quick")
    longest = {ROOT / path: rank for rank, path in enumerate(LONGEST)}
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    # A long file that is begun last leaves the other cores idle.
    items.sort(key=lambda item: (longest.get(item.path, len(longest)), item.path not in slow))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine can not run, and say why."""
    for mark in item.iter_markers():
        if why := missing(mark.name):
            pytest.skip(why)
