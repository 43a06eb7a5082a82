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
"""Key of the view with charts of the replicates, which alone draw the curves."""
FAILURES = "payoff-failures"
"""Key of the view with what failed or diverged, and why."""

_EPOCH = 1_700_000_000_000
"""A constant date of creation (ms): the same view has the same text, so it is written once."""


def view_tags() -> dict[str, str]:
    """Return the tags that hold the saved views of a study's experiment."""
    states = {
        TRIALS: ("All trials by dataset size", _table("", _TRIAL_COLUMNS)),
        CURVES: ("Error against size, replicates", _charts()),
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
]
_FAILURE_COLUMNS = ["tags.`status`", "tags.`reason`", "tags.`slot`"]


def _table(condition: str, columns: list[str]) -> dict[str, Any]:
    """Return the state of the list of runs."""
    return {
        "searchFilter": condition,
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "selectedColumns": columns,
        "columnOrder": [],
    }


def _charts() -> dict[str, Any]:
    """Return the state of the charts: replicates only, all of them shown."""
    section = "payoff-section"
    scatters = [("n_parameters", "test_error"), ("flops_per_example", "test_error")]
    scatters += [("wall_seconds", "test_error"), ("val_error", "test_error")]
    charts: list[dict[str, Any]] = [
        {
            "type": "SCATTER",
            "xaxis": {"key": x, "type": "METRIC"},
            "yaxis": {"key": y, "type": "METRIC"},
            "runsCountToCompare": 1000,
        }
        for x, y in scatters
    ]
    charts += [
        {
            "type": "PARALLEL",
            "selectedParams": ["n_examples", "width", "depth", "learning_rate", "dropout"],
            "selectedMetrics": ["test_error"],
            "showAllRuns": True,
        },
        {
            "type": "LINE",
            "metricKey": "curve/val_error",
            "selectedMetricKeys": ["curve/val_error"],
            "xAxisKey": "step",
            "scaleType": "log",
        },
    ]
    for number, chart in enumerate(charts):
        chart |= {
            "uuid": f"payoff-chart-{number}",
            "metricSectionId": section,
            "deleted": False,
            "isGenerated": False,
        }
    return {
        **_table("tags.`payoff.kind` = 'trial' and tags.phase = 'replicate'", _TRIAL_COLUMNS),
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
