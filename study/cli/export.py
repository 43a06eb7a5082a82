"""``payoff export``: figures, tables and numbers of a study, ready for a paper."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from search_spaces.errors import PayoffError
from study.cli.studies import size_argument, study_arguments, study_of, with_size
from study.launch.hints import command


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    study_arguments(parser)
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
    size_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Analyse what is finished and write it."""
    spec, places, again = study_of(args)
    spec = with_size(spec, args.size)
    from analysis.export import export_study
    from analysis.plots.print_figures import check_formats, has_latex
    from study.handover.importance import load_without_forests, search_importance, write_importance
    from study.handover.paper import facts_of
    from study.handover.results import analyse_study, finished_trials

    records = finished_trials(spec, places, again)
    analysis, table = analyse_study(spec, records, again=again)
    load_without_forests()
    importance = search_importance(spec, records)
    folder = Path(args.to)
    kinds = check_formats(word.strip() for word in args.formats.split(",") if word.strip())
    told = ["--venue", args.venue, "--formats", ",".join(kinds)]
    told += ["--size", args.size] if args.size else []
    export = command("export", args.study, places, "--to", "DIR", *told)
    facts = facts_of(spec, records, (again, export))
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
        print("payoff: no PGF: it is measured by pdflatex, which is not installed", file=sys.stderr)
    print(f"wrote {len(written)} files to {folder}", file=sys.stderr)
    return 0
