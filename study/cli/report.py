"""``payoff report``: one HTML page that holds everything of a study and asks no network."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.errors import PayoffError
from study.cli.fit import TABLE, analyse_table, table_arguments
from study.cli.studies import mlflow_of, study_arguments, study_of, with_size
from study.handover.readers import is_address
from study.launch.hints import command
from study.redaction import redact
from study.terminal import say

if TYPE_CHECKING:
    from analysis.report import ReportSource
    from analysis.study import StudyAnalysis
    from analysis.table.trials import TrialTable


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    study_arguments(
        parser, f"study file (.toml; without one, the study of digits), or a table: {TABLE}"
    )
    words = "HTML file to write (default: NAME-report.html here)"
    parser.add_argument("--to", metavar="FILE", help=words)
    words = "leave out learning curves, read from MLflow"
    parser.add_argument("--no-curves", action="store_true", help=words)
    words = "keep the page with the study's analysis run in MLflow too"
    parser.add_argument("--log", action="store_true", help=words)
    table_arguments(parser)
    parser.set_defaults(size=None)  # a study file has a default of its own


def run(args: argparse.Namespace) -> int:
    """Analyse what is finished and write the page; its path goes to stdout."""
    args.table = table = args.study
    if table is None or not names_table(table):
        analysis, trials, source = _of_study(args)
    else:
        args.size = args.size or "n_parameters"
        if args.log:
            raise PayoffError("--log: a table has no analysis run in MLflow; name a study file")
        analysis, trials = analyse_table(args)
        source = _of_table(args)
    path = Path(args.to or f"{source.name}-report.html")
    if path.suffix.lower() not in (".html", ".htm"):
        raise PayoffError(f"--to: must end in .html, got {path}")
    from analysis.report import write_report

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_report(analysis, trials, path, source)
    except OSError as error:
        text = f"--to: {path} cannot be written ({error.strerror}); choose another place"
        raise PayoffError(text) from None
    print(path)
    if args.log:
        from study.tracking.analysis_run import log_report

        spec, places, _ = study_of(args)
        log_report(mlflow_of(spec, places), spec.name, source.facts["Study digest"], path)
        say("kept with the analysis run in MLflow")
    print(f"wrote {path.stat().st_size / 1e6:.1f} MB; open it in a browser", file=sys.stderr)
    return 0


def _of_study(args: argparse.Namespace) -> tuple[StudyAnalysis, TrialTable, ReportSource]:
    """Analyse the finished trials of a study file."""
    from study.handover.importance import load_without_forests
    from study.handover.report_source import study_source
    from study.handover.results import analyse_study, finished_trials

    refuse_table_options(args)
    load_without_forests()
    spec, places, again = study_of(args)
    spec = with_size(spec, args.size)
    told = ("--size", args.size) if args.size else ()
    records = finished_trials(spec, places, again)
    spec = spec.as_begun(record.study_digest for record in records)
    analysis, table = analyse_study(spec, records, again=again)
    text = Path(args.study).read_text(encoding="utf-8") if args.study else ""
    source = study_source(
        spec,
        records,
        table,
        commands=(again, command("report", args.study, places, *told)),
        study_file=text,
        address=None if args.no_curves else mlflow_of(spec, places),
    )
    return analysis, table, source


def _of_table(args: argparse.Namespace) -> ReportSource:
    """Say where the trials of a table come from."""
    from analysis.report import ReportSource
    from study.handover.report_source import versions

    shown = redact(args.table)
    name = shown.rpartition("#")[2] if is_address(args.table) else Path(args.table).stem
    words = ["payoff", "report", shown]
    for option, value in _changed_options(args).items():
        for one in value if isinstance(value, list) else [value]:
            words += [option] if one is True else [option, str(one)]
    return ReportSource(
        name=name or "trials",
        commands=(shlex.join(words),),
        facts={"Trials read from": shown, **versions()},
    )


def _changed_options(args: argparse.Namespace) -> dict[str, object]:
    """Options about a table that were given, by their names on the command line."""
    parser = argparse.ArgumentParser(add_help=False)
    table_arguments(parser)
    usual = vars(parser.parse_args([]))
    return {
        "--" + name.replace("_", "-"): getattr(args, name)
        for name, value in usual.items()
        if getattr(args, name) not in (value, None)
    }


def names_table(named: str | None) -> bool:
    """Whether what was named is a table of trials, and not a study file."""
    if named is None:
        return False
    return is_address(named) or Path(named).suffix.lower() != ".toml"


def refuse_table_options(args: argparse.Namespace) -> None:
    """A study file says itself what its columns and rules are."""
    given = [name for name in _changed_options(args) if name != "--size"]
    if given:
        raise PayoffError(
            f"{given[0]}: is about a table of trials, and a study was named; "
            "a study's rules and level stand in the [analysis] section of its file"
        )
