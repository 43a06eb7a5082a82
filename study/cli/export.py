"""``payoff export``: figures, tables and numbers of a study, ready for a paper."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from search_spaces.errors import PayoffError
from study.cli.size import size_argument, with_size
from study.launch.joining import from_environment
from study.places import Places
from study.spec.study_file import load_spec


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("study", nargs="?", help="study file; without one, the study of digits")
    parser.add_argument("--to", required=True, metavar="DIR", help="folder to write into")
    parser.add_argument(
        "--venue",
        default="neurips",
        metavar="NAME",
        help="size and type of the figures: icml, neurips, iclr, jmlr, nature (one column), "
        "nature-double (default: neurips)",
    )
    parser.add_argument(
        "--formats",
        default="pdf,pgf,svg,png",
        metavar="LIST",
        help="of the figures (default: pdf,pgf,svg,png)",
    )
    size_argument(parser)
    parser.add_argument("--root", default="mlruns", help="folder of all storages (default: mlruns)")


def run(args: argparse.Namespace) -> int:
    """Analyse what is finished and write it."""
    spec = with_size(from_environment(load_spec(args.study)), args.size)
    places = Places.at(args.root)
    from analysis.export import export_study
    from analysis.plots.print_figures import check_formats, has_latex
    from study.handover.importance import load_without_forests, search_importance, write_importance
    from study.handover.paper import facts_of
    from study.handover.results import analyse_study
    from study.launch.hints import command
    from study.queue.stored import stored_study
    from study.trials.latency import latency_file, with_latency

    again = command("run", args.study, places)
    store = stored_study(spec, places, again)
    records = with_latency(store.records(), latency_file(places, spec.name))
    analysis, table = analyse_study(spec, records, again=again)
    load_without_forests()
    importance = search_importance(spec, records)
    folder = Path(args.to)
    kinds = check_formats(word.strip() for word in args.formats.split(",") if word.strip())
    told = ["--venue", args.venue, "--formats", ",".join(kinds)]
    told += ["--size", args.size] if args.size else []
    facts = facts_of(
        spec, records, (again, command("export", args.study, places, "--to", "DIR", *told))
    )
    try:
        written = export_study(
            analysis, table, folder, facts=facts, venue=args.venue, formats=kinds
        )
        if importance:
            write_importance(importance, folder / "importance.csv")
            written += (folder / "importance.csv",)
    except OSError as error:
        raise PayoffError(
            f"--to: {folder} cannot be written ({error.strerror}); choose another folder"
        ) from None
    for path in written:
        print(path)
    if "pgf" in kinds and not has_latex():
        print("payoff: no PGF: it is measured by pdflatex, which is not installed", file=sys.stderr)
    print(f"wrote {len(written)} files to {folder}", file=sys.stderr)
    return 0
