"""One current analysis a study, with its curves, its figure and its files."""

from __future__ import annotations

from pathlib import Path

from study.tracking.analysis_run import Analysis
from study.tracking.client import connect
from study.tracking.tracker import Tracker
from tests.support.tracking import all_runs, experiment_of, tracker


def test_there_is_exactly_one_current_analysis(ready: Tracker, tmp_path: Path) -> None:
    figure, table = tmp_path / "curve.svg", tmp_path / "trials.csv"
    figure.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    table.write_text("trial\n1\n")

    def verdict(markdown: str, point: float) -> Analysis:
        return Analysis(
            markdown=markdown,
            figures=[figure],
            json="{}",
            metrics={"payoff/n80": point},
            table=table,
        )

    first = ready.log_analysis(verdict("# First", 10.0))
    assert ready.log_analysis(verdict("# First", 10.0)) == first
    second = ready.log_analysis(verdict("# Second", 20.0))
    assert second != first
    runs = [r for r in all_runs(ready.address, deleted=False) if r.info.run_name == "analysis"]
    assert [(run.info.run_id, run.info.status) for run in runs] == [(second, "FINISHED")]
    assert runs[0].data.metrics == {"payoff/n80": 20.0}
    note = runs[0].data.tags["mlflow.note.content"]
    assert note.startswith("# Second") and f"run_uuid={second}" in note
    client = connect(ready.address)
    experiment = experiment_of(ready.address)
    assert experiment.tags["mlflow.note.content"].startswith("# Second")
    assert "How big must an MLP be" in experiment.tags["mlflow.note.content"]
    # Two processes that both wrote it, neither seeing the other's, leave it twice; one is kept.
    client.create_run(ready.experiment.number, tags={**runs[0].data.tags}, run_name="analysis")
    for run in all_runs(ready.address, deleted=False):
        client.set_terminated(run.info.run_id, "FINISHED")
    kept = ready.log_analysis(verdict("# Second", 20.0))
    runs = [r for r in all_runs(ready.address, deleted=False) if r.info.run_name == "analysis"]
    assert [run.info.run_id for run in runs] == [kept]
    second = ready.log_analysis(verdict("# Third", 20.0))
    files = {f.path for folder in ("", "figures") for f in client.list_artifacts(second, folder)}
    assert files == {"figures", "figures/curve.svg", "trials.csv", "verdict.md", "analysis.json"}


def test_curves_are_charted_by_size_and_replaced_with_the_analysis(ready: Tracker) -> None:
    def curves() -> dict[str, list[tuple[int, float]]]:
        client = connect(ready.address)
        return {
            run.info.run_name: [
                (point.step, point.value)
                for point in client.get_metric_history(run.info.run_id, "error_by_size/measured")
            ]
            for run in all_runs(ready.address, deleted=False)
            if run.data.tags["payoff.kind"] == "curve"
        }

    measured = {80: {"measured": [(100.0, 0.5), (200.0, 0.25)]}, 160: {"measured": [(100.0, 0.4)]}}
    ready.log_analysis(Analysis(markdown="verdict", curves=measured))
    expected = {"curve n=80": [(100, 0.5), (200, 0.25)], "curve n=160": [(100, 0.4)]}
    assert curves() == expected
    ready.log_analysis(Analysis(markdown="verdict", curves=measured))
    assert curves() == expected
    ready.log_analysis(Analysis(markdown="verdict", curves={80: {"measured": [(100.0, 0.3)]}}))
    assert curves() == {"curve n=80": [(100, 0.3)]}
    assert all(run.info.status != "RUNNING" for run in all_runs(ready.address))


def test_starting_again_keeps_the_verdict_in_the_description(
    ready: Tracker, tmp_path: Path
) -> None:
    ready.log_analysis(Analysis(markdown="# Verdict"))
    tracker(tmp_path).initialise()
    assert "# Verdict" in experiment_of(ready.address).tags["mlflow.note.content"]
