"""Engines that run workers: a real Ray cluster that loses a node, SLURM's commands, a manifest."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from tests.support.commands import environment
from tests.support.studies import check_whole, n_finished, start, write_study
from tests.support.waiting import FAR_AWAY, end_of, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.engine]

SBATCH = """\
#!{python}
# What SLURM does with an array, on one machine: each task is the script with its own numbers.
import os, re, subprocess, sys
text = open(sys.argv[1]).read()
found = re.search(r"--array=0-(\\d+)", text)
for index in range(int(found[1]) + 1 if found else 1):
    numbers = {{
        "SLURM_JOB_ID": str(4200 + index), "SLURM_ARRAY_JOB_ID": "4200",
        "SLURM_ARRAY_TASK_ID": str(index), "SLURM_NTASKS": "1", "SLURM_JOB_NUM_NODES": "1",
        "SLURM_NODEID": "0", "SLURM_PROCID": "0", "SLURM_LOCALID": "0",
    }}
    if not found:
        del numbers["SLURM_ARRAY_JOB_ID"], numbers["SLURM_ARRAY_TASK_ID"]
    with open("{folder}/jobs.log", "ab") as log:
        subprocess.Popen(["bash", sys.argv[1]], env={{**os.environ, **numbers}},
                         stdout=log, stderr=log, start_new_session=True)
open("{folder}/script.sh", "w").write(text)
print("Submitted batch job 4200")
"""

SRUN = """\
#!{python}
import os, sys
from tests.support.commands import environment
words = sys.argv[1:]
first = next(k for k, word in enumerate(words) if "python" in word)
os.execv(words[first], words[first:])
"""


@pytest.mark.filterwarnings("ignore")
def test_a_ray_cluster_that_loses_a_node_ends_the_study(
    postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    total = write_study(tmp_path, seconds=0.5, widths=4, draws=10, optuna=postgresql)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        cluster.add_node(num_cpus=1)
        lost = cluster.add_node(num_cpus=1)
        words = ("--on", "ray", "--workers", "4", "--cpus", "0.5", "--address", cluster.address)
        run = start(tmp_path, "launch", *words)
        wait_until(lambda: n_finished(tmp_path) >= 15, alive=run)
        cluster.remove_node(lost)
        end_of(run)
    finally:
        cluster.shutdown()
    check_whole(tmp_path, total)


def test_slurm_gets_one_array_of_workers_and_no_password(postgresql: str, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("sacct", "#!/bin/sh\n")):
        file = commands / name
        file.write_text(text.format(python=sys.executable, folder=tmp_path))
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    total = write_study(tmp_path, seconds=0.1, widths=3, draws=5)
    run = start(
        tmp_path,
        "launch",
        *("--on", "slurm", "--workers", "2", "--max-hours", "1", "--partition", "short"),
        PATH=f"{commands}:{os.environ['PATH']}",
        PAYOFF_STORAGE=postgresql.replace("payoff@", "payoff:sesame@"),
    )
    _, said = run.communicate(timeout=FAR_AWAY)
    assert run.returncode == 0, said.decode() + (tmp_path / "jobs.log").read_text()
    check_whole(tmp_path, total, storage=postgresql)
    script = (tmp_path / "script.sh").read_text()
    assert "#SBATCH --array=0-1" in script
    assert "#SBATCH --partition=short" in script
    assert "#SBATCH --time=60" in script
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert b"sesame" not in file.read_bytes(), file
