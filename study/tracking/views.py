"""Saved views of the MLflow UI: the columns, filters and charts that matter for a study.

The UI lists an experiment's saved views under "Views"; each is a tag of the experiment whose value
is JSON: a name, dates, and the state of the page. A version of the UI that reads them otherwise
leaves them out of its list, and nothing else depends on them.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

VIEW_TAG = "mlflow.sharedViewState."

TRIALS = "payoff-trials"
"""Key of the view with all runs, below their dataset sizes."""
CURVES = "payoff-curves"
"""Key of the view with charts of error against size, one line per dataset size."""
FAILURES = "payoff-failures"
"""Key of the view with what failed or diverged, and why."""

_EPOCH = 1_700_000_000_000
"""A constant date of creation (ms): the same view has the same text, so it is written once."""


def view_tags() -> dict[str, str]:
    """Return the tags that hold the saved views of a study's experiment."""
    states = {
        TRIALS: ("All trials by dataset size", _table("", _TRIAL_COLUMNS)),
        CURVES: ("Error against size", _charts()),
        FAILURES: (
            "Failed and diverged trials",
            _table("attributes.status = 'FAILED'", _FAILURE_COLUMNS),
        ),
    }
    return {
        f"{VIEW_TAG}{key}": json.dumps(
            {
                "name": name,
                "createdAt": _EPOCH,
                "updatedAt": _EPOCH,
                "state": json.dumps(state, sort_keys=True),
            },
            sort_keys=True,
        )
        for key, (name, state) in states.items()
    }


def view_fragment(experiment_id: str, view: str = TRIALS) -> str:
    """Return the part of the UI's address, from ``/#`` on, that opens a view.

    Examples
    --------
    >>> view_fragment("7", "payoff-trials")
    '/#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=payoff-trials'
    """
    query = {"workflowType": "machine_learning", "viewStateShareKey": view}
    if view == CURVES:
        query["compareRunsMode"] = "CHART"
    return f"/#/experiments/{experiment_id}/runs?{urlencode(query)}"


_TRIAL_COLUMNS = [
    "metrics.`test_error`",
    "metrics.`val_error`",
    "metrics.`n_parameters`",
    "params.`n_examples`",
    "params.`width`",
    "params.`depth`",
    "params.`prune_ratio`",
    "tags.`phase`",
    "tags.`status`",
    "tags.`still_improving`",
    "metrics.`wall_seconds`",
    "metrics.`trials_finished`",
    "metrics.`trials_failed`",
]
_FAILURE_COLUMNS = ["tags.`status`", "tags.`reason`", "tags.`slot`"]


def _table(condition: str, columns: list[str]) -> dict[str, Any]:
    """Return the state of the list of runs: the UI hangs children below their parents only where
    the list is sorted by time, and the runs of the study as a whole start before its trials."""
    return {
        "searchFilter": condition,
        "orderByKey": "attributes.start_time",
        "orderByAsc": True,
        "selectedColumns": columns,
        "columnOrder": [],
    }


def _charts() -> dict[str, Any]:
    """Return the state of the charts of error against size, on logarithmic axes."""
    section = "payoff-section"
    charts: list[dict[str, Any]] = [
        {
            "type": "LINE",
            "uuid": f"payoff-chart-{name}",
            "metricSectionId": section,
            "deleted": False,
            "isGenerated": False,
            "displayName": f"error against size: {name}",
            "metricKey": f"error_by_size/{name}",
            "selectedMetricKeys": [f"error_by_size/{name}"],
            "xAxisKey": "step",
            "useGlobalXaxisKey": False,
            "xAxisScaleType": "log",
            "scaleType": "log",
            "lineSmoothness": 0,
            "useGlobalLineSmoothing": False,
            "displayPoints": name == "measured",
        }
        for name in ("measured", "fitted")
    ]
    return {
        **_table("tags.`payoff.kind` = 'curve'", _TRIAL_COLUMNS),
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": charts,
        "compareRunSections": [
            {
                "uuid": section,
                "name": "How big must the model be?",
                "display": True,
                "isReordered": False,
                "deleted": False,
                "isGenerated": False,
            }
        ],
    }
