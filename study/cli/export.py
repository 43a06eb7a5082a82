"""``payoff export``: figures, tables and numbers of a study, ready for a paper."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.errors import PayoffError
from study.cli.fit import TABLE, analyse_table, table_arguments
from study.cli.report import names_table, refuse_table_options
from study.cli.studies import study_arguments, study_of, with_size
from study.launch.hints import command
from study.terminal import say

if TYPE_CHECKING:
    from analysis.export.facts import StudyFacts
    from analysis.study import StudyAnalysis
    from analysis.table.trials import TrialTable
    from study.handover.importance import Importance


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    study_arguments(
        parser, f"study file (.toml; without one, the study of digits), or a table: {TABLE}"
    )
    parser.add_argument("--to", required=True, metavar="DIR", help="folder to write into")
    parser.add_argument(
        "--venue",
        default="neurips",
        metavar="NAME",
        help="size and type of the figures: icml, neurips, iclr, jmlr, nature (one column), "
        "nature-double (default: neurips)",
    )
    usual = "pdf,pgf,svg,png"
    words = f"of the figures (default: {usual})"
    parser.add_argument("--formats", default=usual, metavar="LIST", help=words)
    table_arguments(parser)
    parser.set_defaults(size=None)  # a study file has a default of its own


def run(args: argparse.Namespace) -> int:
    """Analyse what is finished and write it."""
    if names_table(args.study):
        args.table, args.size = args.study, args.size or "n_parameters"
        analysis, table = analyse_table(args)
        return _write(args, analysis, table, None, ())
    refuse_table_options(args)
    spec, places, again = study_of(args)
    spec = with_size(spec, args.size)
    from analysis.plots.print_figures import check_formats
    from study.handover.importance import load_without_forests, search_importance
    from study.handover.paper import facts_of
    from study.handover.results import analyse_study, finished_trials

    records = finished_trials(spec, places, again)
    spec = spec.as_begun(record.study_digest for record in records)
    analysis, table = analyse_study(spec, records, again=again)
    load_without_forests()
    importance = search_importance(spec, records)
    kinds = check_formats(_formats(args))
    told = ["--venue", args.venue, "--formats", ",".join(kinds)]
    told += ["--size", args.size] if args.size else []
    export = command("export", args.study, places, "--to", "DIR", *told)
    facts = facts_of(spec, records, (again, export))
    return _write(args, analysis, table, facts, importance)


def _formats(args: argparse.Namespace) -> tuple[str, ...]:
    return tuple(word.strip() for word in args.formats.split(",") if word.strip())


def _write(
    args: argparse.Namespace,
    analysis: StudyAnalysis,
    table: TrialTable,
    facts: StudyFacts | None,
    importance: Iterable[Importance],
) -> int:
    """Write everything and name it; what no study file says is left out of the methods."""
    from analysis.export import export_study
    from analysis.plots.print_figures import check_formats, has_latex
    from study.handover.importance import write_importance

    folder = Path(args.to)
    kinds = check_formats(_formats(args))
    try:
        written = export_study(
            analysis, table, folder, facts=facts, venue=args.venue, formats=kinds
        )
        if importance:
            write_importance(importance, folder / "importance.csv")
            written += (folder / "importance.csv",)
    except OSError as error:
        text = f"--to: {folder} cannot be written ({error.strerror}); choose another folder"
        raise PayoffError(text) from None
    for path in written:
        print(path)
    if "pgf" in kinds and not has_latex():
        say("no PGF: it is measured by pdflatex, which is not installed")
    print(f"wrote {len(written)} files to {folder}", file=sys.stderr)
    return 0
