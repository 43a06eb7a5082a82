"""Networks that pruning emptied and students larger than their teachers are counted and named."""

from __future__ import annotations

from analysis import AnalysisSettings, TrialTable, analyse
from analysis.report import report_html
from analysis.routes.findings import making_findings
from analysis.words.kinds import tell
from tests.analysis.routes.test_findings import a_row, distilled_rows


def table_with(*, emptied: int, small: int) -> TrialTable:
    rows = [*distilled_rows(1.0)]
    taught = [row for row in rows if row.get("route") == "distilled"]
    for row in taught:
        row["teacher_size"] = 2.0 * float(str(row["n_parameters"]))
    for row in taught[:small]:
        row["teacher_size"] = 0.5 * float(str(row["n_parameters"]))
    for k in range(emptied):
        rows.append(
            a_row(8, k, 0.9, slot=f"gone-{k}", route="pruned", prune_ratio=0.99, layer_emptied=True)
        )
    return TrialTable.from_rows(rows)


def test_both_are_counted_and_stand_wherever_the_verdict_does() -> None:
    table = table_with(emptied=3, small=2)
    emptied, small = (tell(finding).whole for finding in making_findings(table))
    assert emptied.startswith(
        "3 pruned networks lost every weight of a layer (without a path round"
    )
    students = sum(route == "distilled" for route in table.route)
    assert small.startswith(f"2 of {students} students had a teacher with fewer parameters")
    analysis = analyse(table, AnalysisSettings(resamples=100))
    assert analysis.to_json()["remarks"] == [emptied, small]
    text, page = analysis.markdown(), report_html(analysis, table)
    for remark in (emptied, small):
        assert f"- {remark}." in text and f"<li>{remark}.</li>" in page


def test_where_there_are_none_nothing_is_said() -> None:
    assert list(making_findings(table_with(emptied=0, small=0))) == []
    bare = TrialTable.from_rows([{"n_parameters": 10.0, "test_error": 0.5}])
    assert list(making_findings(bare)) == [] and not bare.layer_emptied.any()


def test_the_flag_survives_its_rows() -> None:
    table = table_with(emptied=2, small=0)
    again = TrialTable.from_rows(table.to_rows())
    assert again.layer_emptied.tolist() == table.layer_emptied.tolist()
    assert int(again.layer_emptied.sum()) == 2
