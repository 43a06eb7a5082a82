"""``payoff fit``: size-versus-error curves and payoff points of any table of trials.

Imports neither torch nor optuna nor mlflow, unless the table is named by an address of Optuna or
MLflow: it is for people whose trials come from elsewhere too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.errors import PayoffError, nearest
from study.terminal import console, say

if TYPE_CHECKING:
    from analysis.settings import AnalysisSettings
    from analysis.study import StudyAnalysis
    from analysis.table.reading import Reading
    from analysis.table.sheet import Sheet
    from analysis.table.trials import TrialTable

FIGURES = (".png", ".pdf", ".svg")

MOST_GROUPS = 100

TABLE = (
    "trials, one row a training: a file (CSV, TSV, other text, JSON, JSON lines, Parquet; gzip and "
    "xz too), or an address such as optuna+sqlite:///optuna.db#STUDY, optuna+journal://PATH, "
    "mlflow+http://HOST#EXPERIMENT, mlflow+./mlruns"
)
"""What a table may be, for the help."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("table", help=TABLE)
    table_arguments(parser)
    output = parser.add_argument_group("output")
    add = output.add_argument
    add("--figure", metavar="FILE", help="draw the curves: .png, .pdf or .svg")
    words = "on a terminal: every rule and every note, not only those that may change a decision"
    add("--notes", action="store_true", help=words)
    add("--json", action="store_true", help="print everything as JSON")


def table_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what every command that reads a table of trials takes."""
    columns = parser.add_argument_group("columns of the table")
    add = columns.add_argument
    add("--size", default="n_parameters", metavar="COLUMN", help="size (default: n_parameters)")
    add("--error", default="test_error", metavar="COLUMN", help="error (default: test_error)")
    add("--examples", metavar="COLUMN", help="dataset size: one curve for each")
    add("--seed", metavar="COLUMN", help="seed of the training")
    add("--draw", metavar="COLUMN", help="which subset of the data was drawn")
    add("--spread", metavar="COLUMN", help="spread of the error, where rows are means of runs")
    add("--test-examples", metavar="COLUMN", help="test examples behind the error")
    add(
        "--map",
        action="append",
        default=[],
        metavar="NAME=COLUMN,...",
        help="any of these and other columns of the trial table at once, such as "
        "size=summary.params,error=summary.test_err,phase=config.phase",
    )
    words = "use only rows with this value (may be given several times)"
    add("--where", action="append", default=[], metavar="COLUMN=VALUE", help=words)
    meaning = parser.add_argument_group("what the metric and the rows mean")
    more = meaning.add_argument
    more("--better", choices=("lower", "higher"), default="", help="which way --error improves")
    more(
        "--metric",
        choices=("error", "nats", "bits", "perplexity", "own"),
        default="",
        help="what it is: error (a rate, RMSE, a bounded score), nats or bits (a loss), "
        "perplexity, own (its own unit: PSNR, a reward); without it, what name and values say",
    )
    words = "one curve for each value of this column, one after the other"
    more("--group", metavar="COLUMN", help=words)
    words = "columns that say how a size is made (depth, heads): a curve of its own for each value"
    more("--shape", action="append", default=[], metavar="COLUMN,...", help=words)
    words = "columns that were tuned: of each size the best setting counts"
    more("--tuned", action="append", default=[], metavar="COLUMN,...", help=words)
    words = "columns in which replicates may differ"
    more("--alike", action="append", default=[], metavar="COLUMN,...", help=words)
    words = "a word of the state column that means finished, beside those that are known"
    add("--finished", action="append", default=[], metavar="WORD", help=words)
    words = "the decimal mark, . or , where 1.000 may be one or a thousand"
    add("--decimal", choices=(".", ","), default="", metavar="MARK", help=words)
    words = "say all that was done to the table, not only the first lines of it"
    add("--explain", action="store_true", help=words)
    words = "write the table as it was read, with a column for what happened to each row (CSV)"
    add("--sheet", metavar="FILE", help=words)
    rules = parser.add_argument_group("rules")
    add = rules.add_argument
    add(
        "--rule",
        default="marginal",
        choices=("marginal", "plateau", "overfit", "economic"),
        help="the rule whose verdict comes first (default: marginal)",
    )
    add("--threshold", type=float, metavar="X", help="that rule's number instead of its default")
    add("--absolute", action="store_true", help="--threshold is in units of the error")
    add(
        "--of",
        choices=("whole", "reducible", "perplexity"),
        default="",
        help="what --threshold is a fraction of: the whole error, what lies above its floor, or "
        "the perplexity (default: what fits the metric)",
    )
    add("--price", type=float, metavar="X", help="error that one more unit of size must save")
    add("--law", default="auto", metavar="NAME", help="one law alone (default: average of laws)")
    add("--level", type=float, default=0.9, metavar="P", help="of intervals (default: 0.9)")
    add("--resamples", type=int, default=2000, metavar="N", help="curves drawn (default: 2000)")
    add("--random-seed", type=int, default=0, metavar="N", help="of the draws (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Read, fit, print; the verdict goes to stdout, remarks to stderr."""
    if args.figure and Path(args.figure).suffix.lower() not in FIGURES:
        raise PayoffError(f"--figure: must end in one of {', '.join(FIGURES)}: {args.figure}")
    if args.group:
        return _run_groups(args)
    analysis, _ = analyse_table(args)
    if args.figure:
        _draw(analysis, Path(args.figure))
    if args.json:
        print(json.dumps(analysis.to_json(), indent=2, allow_nan=False))
    elif sys.stdout.isatty():
        from study.cli.verdict import print_verdict

        print_verdict(analysis, console(), all_notes=args.notes, elsewhere="--notes")
    else:
        print(analysis.markdown(), end="")
    return 0


def _run_groups(args: argparse.Namespace) -> int:
    """One analysis for each value of a column, one after the other."""
    from analysis.errors import AnalysisError
    from analysis.table.draft import Asked, Draft
    from analysis.table.roles import find

    for name in ("figure", "sheet"):
        if getattr(args, name):
            raise PayoffError(f"--{name}: is of one table; with --group, take one by --where")
    sheet = _sheet(args.table)
    column = find(Draft.of(sheet, Asked()), args.group, "--group")
    values = {str(cell).strip() for cell in sheet.cells[column] if cell not in (None, "")}
    if len(values) > MOST_GROUPS:
        raise PayoffError(
            f"--group: {column!r} has {len(values)} values; take some with --where, or another "
            "column"
        )
    found: dict[str, StudyAnalysis] = {}
    failed: AnalysisError | None = None
    for value in sorted(values):
        say(f"{column} = {value}")
        where = [*args.where, f"{column}={value}"]
        one = argparse.Namespace(**(vars(args) | {"where": where, "group": None}))
        try:
            found[value], _ = analyse_table(one, sheet)
        except AnalysisError as error:
            say(f"{column} = {value}: {error}")
            failed = error
    if failed is not None and not found:
        raise failed
    if args.json:
        groups = {value: analysis.to_json() for value, analysis in found.items()}
        print(json.dumps({"group": column, "groups": groups}, indent=2, allow_nan=False))
    else:
        parts = [f"## {column} = {value}\n\n{one.markdown()}" for value, one in found.items()]
        print("\n".join(parts), end="")
    return 0


def analyse_table(
    args: argparse.Namespace, sheet: Sheet | None = None
) -> tuple[StudyAnalysis, TrialTable]:
    """Read the table that ``args.table`` names, and analyse it as the other arguments say.

    ``sheet`` is that table where it has been read already.
    """
    if args.group:
        raise PayoffError("--group: only payoff fit draws several; take one group with --where")
    reading, settings = read_asked(args, sheet)
    from analysis.study import analyse

    return replace(analyse(reading.table, settings), reading=reading.account), reading.table


def read_asked(
    args: argparse.Namespace, sheet: Sheet | None = None
) -> tuple[Reading, AnalysisSettings]:
    """Read the table that ``args.table`` names, with the settings that the arguments ask for."""
    args, mapped = _mapped(args)
    settings = _settings(args)
    reading = _read(args, mapped, sheet)
    settings = replace(_measuring(settings, reading, args), shape=reading.shape)
    from analysis.words.account import short, whole

    for line in (whole if args.explain else short)(reading.account):
        say(line)
    if args.sheet:
        _write_sheet(reading, Path(args.sheet))
    return reading, settings


def read_named(args: argparse.Namespace) -> Reading:
    """Read the table that ``args.table`` names as the other arguments say."""
    return _read(*_mapped(args))


def _columns(args: argparse.Namespace) -> tuple[str, str]:
    """Columns of the trial table that the size and the error become."""
    from analysis.table.columns import names_of
    from analysis.table.fields import Cost, Error

    size = args.size if args.size in names_of(Cost) else "n_parameters"
    return size, args.error if args.error in names_of(Error) else "test_error"


def _settings(args: argparse.Namespace) -> AnalysisSettings:
    """Settings of the analysis from the command's arguments."""
    from analysis.settings import AnalysisSettings

    size, error = _columns(args)
    if args.rule == "economic" and args.price is None and args.threshold is None:
        raise PayoffError("--price: the economic rule needs the error that one unit must save")
    price = args.threshold if args.rule == "economic" and args.price is None else args.price
    settings = AnalysisSettings(
        size=size,
        size_label=args.size,
        error=error,
        error_label=args.error,
        rule=args.rule,
        price=price,
        law=args.law,
        level=args.level,
        resamples=args.resamples,
        seed=args.random_seed,
        marginal_is_absolute=args.absolute and args.rule == "marginal",
    )
    if args.absolute and args.rule != "marginal":
        raise PayoffError("--absolute: only the marginal rule has an absolute threshold")
    if args.threshold is not None and args.rule != "economic":
        named = {"marginal": "marginal", "plateau": "plateau", "overfit": "upturn"}[args.rule]
        settings = replace(settings, **{named: args.threshold})
    if args.law != "auto":
        from analysis.laws import law_named

        if law_named(args.law).inputs != ("size",):
            raise PayoffError(f"--law: {args.law} is not a law of size alone; choose another")
    return settings


def _measuring(
    settings: AnalysisSettings, reading: Reading, args: argparse.Namespace
) -> AnalysisSettings:
    """The settings for the metric that was read, with what the user said of the rules."""
    metric = reading.table.metric
    if metric is not None:
        named = {"marginal": "marginal", "plateau": "plateau", "overfit": "upturn"}
        given = () if args.threshold is None else (named.get(args.rule, ""),)
        settings = settings.measuring(metric, *given, of=args.of)
    elif args.metric:
        settings = replace(settings, metric=args.metric)
        settings = replace(settings, of=args.of)
    return settings


def _mapped(args: argparse.Namespace) -> tuple[argparse.Namespace, dict[str, str]]:
    """The arguments with the options that ``--map`` stands for, and the other columns it names."""
    from analysis.table.columns import FIELDS

    options = {"size", "error", "examples", "seed", "draw", "test-examples"}
    given, mapped = dict(vars(args)), dict[str, str]()
    for pair in ",".join(args.map).split(",") if args.map else ():
        name, equals, column = (part.strip() for part in pair.partition("="))
        if not (name and equals and column):
            raise PayoffError(f"--map: must be NAME=COLUMN,..., got {pair!r}")
        if name in options:
            given[name.replace("-", "_")] = column
        elif name == "shape":
            given["shape"] = [*given["shape"], column]
        elif name in FIELDS and name != "params":
            mapped[name] = column
        else:
            known = (*options, "shape", *FIELDS)
            raise PayoffError(
                f"--map: the trial table has no column {name!r}{nearest(name, known)} "
                f"(its columns: {', '.join(sorted(set(known) - {'params'}))})"
            )
    return argparse.Namespace(**given), mapped


def _read(args: argparse.Namespace, mapped: dict[str, str], sheet: Sheet | None = None) -> Reading:
    """The trial table, its columns mapped and its rows chosen, and what was done to it."""
    from analysis.table.draft import Asked
    from analysis.table.reading import read

    named = {
        "n_examples": ("--examples", args.examples),
        "seed": ("--seed", args.seed),
        "draw": ("--draw", args.draw),
        "n_test": ("--test-examples", args.test_examples),
    }
    columns = {field: column for field, (_, column) in named.items() if column is not None}
    asked = Asked(
        size=args.size,
        error=args.error,
        columns=columns | mapped,
        options={field: option for field, (option, _) in named.items() if field in columns},
        spread=args.spread or "",
        where=tuple(args.where),
        finished=tuple(args.finished),
        decimal=args.decimal,
        better=args.better,
        metric=args.metric,
        of=args.of,
        alike=_listed(args.alike),
        tuned=_listed(args.tuned),
        shape=_listed(args.shape),
    )
    return read(sheet or _sheet(args.table), asked)


def _listed(given: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.strip() for one in given for name in one.split(",") if name.strip())


def _sheet(table: str) -> Sheet:
    """The cells of a table, named with no password in it."""
    from study.handover.readers import is_address, read_address
    from study.redaction import redact

    shown = redact(table)
    if not is_address(table):
        from analysis.table.files import read_sheet

        return read_sheet(table, shown=shown)
    from analysis.table.sheet import Sheet

    found = read_address(table)
    notes = [f"left out {count:,} x {reason}" for reason, count in found.left_out.items()]
    if table.startswith("mlflow"):
        notes.append(
            "runs carry no per-example test results; read from Optuna or trials.csv, "
            "where they are known, intervals differ a little"
        )
    for note in notes:
        say(note)
    source = "Optuna" if table.startswith("optuna") else "MLflow"
    return Sheet.of_rows(
        found.rows, name=shown, format=source, notes=tuple(notes), better=found.better
    )


def _write_sheet(reading: Reading, path: Path) -> None:
    """Write the table as it was read, and say so."""
    from analysis.table.writing import write_sheet

    try:
        write_sheet(reading.draft, path)
    except OSError as error:
        text = f"--sheet: {path} cannot be written ({error.strerror}); choose another place"
        raise PayoffError(text) from None
    say(f"wrote {path}: each row, and what happened to it")


def _draw(analysis: StudyAnalysis, path: Path) -> None:
    """Draw the curves into one file."""
    from analysis.plots import save_figure, size_error_figure

    try:
        save_figure(size_error_figure(analysis), path)
    except OSError as error:
        text = f"--figure: {path} cannot be written ({error.strerror}); choose another place"
        raise PayoffError(text) from None
    print(f"drew {path}", file=sys.stderr)
