"""Which way imports run, and that reading a table costs no heavy package."""

from __future__ import annotations

import subprocess
import sys

import pytest

FORBIDDEN = {
    "search_spaces": ("torch", "optuna", "mlflow", "numpy", "scipy", "pandas", "study", "analysis"),
    "analysis": ("torch", "optuna", "mlflow", "study", "numpy", "scipy", "pandas", "matplotlib"),
    "analysis.study": ("torch", "optuna", "mlflow", "study", "pandas", "matplotlib"),
    "analysis.fitted": ("torch", "optuna", "mlflow", "study", "pandas", "matplotlib"),
    "analysis.laws.fitting": ("torch", "optuna", "mlflow", "study", "pandas", "matplotlib"),
    "analysis.plots": ("torch", "optuna", "mlflow", "study", "pandas"),
    "analysis.export": ("torch", "optuna", "mlflow", "study", "pandas"),
    "analysis.report": ("torch", "optuna", "mlflow", "study", "pandas", "matplotlib"),
    "study.cli": ("torch", "optuna", "mlflow", "analysis", "numpy"),
    "study.cli.fit": ("torch", "optuna", "mlflow", "numpy"),
}


@pytest.mark.parametrize("module", list(FORBIDDEN))
def test_imports_run_one_way(module: str) -> None:
    code = f"import sys; import {module}; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint(FORBIDDEN[module])


def test_public_names_are_there_and_listed() -> None:
    import analysis

    for name in analysis.__all__:
        assert getattr(analysis, name) is not None
    assert set(analysis.__all__) <= set(dir(analysis))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        analysis.nothing  # noqa: B018
