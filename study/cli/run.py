"""``payoff run``: run a study, or go on with it where it stopped."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from study.cli.studies import spec_of, study_arguments
from study.cli.verdict import print_verdict
from study.launch.hints import command
from study.places import Places
from study.record import Value
from study.spec.space import space_as_text
from study.spec.study_file import StudySpec, checked_decide
from study.terminal import console, say

if TYPE_CHECKING:
    from study.data.dataset import Dataset
    from study.handover.told import Told
    from study.launch.engines.engine import Engine
    from study.preflight.forecast import Forecast, ModelForecast
    from study.preflight.own_trainer import OwnCall


LISTED = " lists ways to go on, each with its price and what it promises"
"""What the command does that a study which is not decided names at its end."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    study_arguments(parser)
    words = "worker processes, instead of the file's"
    parser.add_argument("--workers", type=at_least_one, help=words)
    parser.add_argument("--dry-run", action="store_true", help="print what it will take, and stop")
    decide_arguments(parser)
    retry_argument(parser)
    many_argument(parser)
    notes_argument(parser)
    parser.add_argument("--quiet", action="store_true", help="say nothing but the result")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def decide_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the wish that the study chooses its own further trials."""
    words = "after the trials of the file, go on with those that narrow the answer most"
    parser.add_argument("--until-decided", action="store_true", help=words)
    words = "how narrow: upper end of a payoff point's interval over its lower end (default: 3)"
    parser.add_argument("--target", type=float, metavar="FACTOR", help=words)
    words = 'what all trials may take: "2000 trials", "1e15 FLOPs", "10 min"'
    parser.add_argument("--budget", metavar="BUDGET", help=words)


def many_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the consent to very many trials."""
    words = "begin also a study of more than 100,000 trials"
    parser.add_argument("--yes", action="store_true", help=words)


def deciding(spec: StudySpec, args: argparse.Namespace) -> StudySpec:
    """Return the study, which goes on until it is decided where the arguments say so."""
    given = {"target": args.target, "budget": args.budget}
    asked = {name: value for name, value in given.items() if value is not None}
    if not (args.until_decided or asked):
        return spec
    return checked_decide(spec, until="decided", **asked)


def wish(args: argparse.Namespace) -> list[str]:
    """Return the words that asked for a decision: a run without them would choose no more trials.

    Examples
    --------
    >>> wish(argparse.Namespace(until_decided=False, target=2.0, budget="10 min"))
    ['--until-decided', '--target', '2', '--budget', '10 min']
    """
    if "until_decided" not in args:  # of payoff next, whose target and budget are of its list
        return []
    asked = {n: getattr(args, n) for n in ("target", "budget") if getattr(args, n) is not None}
    if not (args.until_decided or asked):
        return []
    words = [f"{value:g}" if isinstance(value, float) else value for value in asked.values()]
    pairs = zip(asked, words, strict=True)
    return ["--until-decided", *(word for name, value in pairs for word in (f"--{name}", value))]


def notes_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the wish to see everything that was found."""
    words = "print every rule and every note, not only those that may change a decision"
    parser.add_argument("--notes", action="store_true", help=words)


def retry_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the wish to run failed trials again."""
    words = "run the trials that failed again, after your code was mended"
    parser.add_argument("--retry-failed", action="store_true", help=words)


def at_least_one(text: str) -> int:
    """Read a number of workers."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, got {text!r}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Run the study and print the payoff points; 130 if it was interrupted."""
    spec = spec_of(args)
    if args.workers is not None:
        spec = dataclasses.replace(spec, run=dataclasses.replace(spec.run, workers=args.workers))
    spec = deciding(spec, args)
    if args.dry_run:
        return _dry_run(spec, Places.at(args.root), as_json=args.json)
    return run_and_show(spec, args, None)


def run_and_show(spec: StudySpec, args: argparse.Namespace, engine: Engine | None) -> int:
    """Run a study by any engine, and print its result; return the exit status.

    130 is for whoever pressed Ctrl-C before the result was there, also where it came all the same:
    what stands behind ``&&`` was not meant to begin.
    """
    from study.launch.nursery import nursery
    from study.launch.progress import Screen, duration
    from study.launch.run import run_study

    places = Places.at(args.root)

    def hint(name: str, *options: str) -> str:
        return command(name, args.study, places, *options)

    began = time.monotonic()
    with nursery() as young, Screen(console(stderr=True), quiet=args.quiet) as view:

        def show(told: Told) -> None:
            view.__exit__(None, None, None)  # a bar that moves and the verdict would mix
            if args.json:
                print(told.json, flush=True)
            else:
                after = [] if told.decided else [f"next: {hint('next')}{LISTED}"]
                print_verdict(told.answer, console(), all_notes=args.notes, after=after)

        outcome = run_study(
            spec,
            args.study,
            places,
            view,
            show,
            engine,
            retry_failed=args.retry_failed,
            many=args.yes,
            nursery=young,
        )
    if outcome.told is None:
        view.say(f"stopped after {outcome.trials} trials; go on with: {hint('run', *wish(args))}")
        return 130
    earlier = f" ({outcome.before:,} before)" if outcome.before else ""
    taken = duration(time.monotonic() - began)
    view.say(f"{outcome.trials - outcome.before:,} trials in {taken}{earlier}")
    if outcome.failed:
        see = f"see: {hint('status')}; run failed ones again: {hint('run', '--retry-failed')}"
        view.say(f"{outcome.failed:,} of all trials failed or diverged; {see}")
    if outcome.not_logged:
        view.say(f"{outcome.not_logged} trials still wait for MLflow; later: {hint('sync')}")
    view.say(f"figures and numbers: {places.results(spec.name)}")
    view.say(f"every trial: {hint('ui')} · into a paper: {hint('export', '--to', 'paper/')}")
    return 130 if outcome.interrupted else 0


def _dry_run(spec: StudySpec, places: Places, *, as_json: bool) -> int:
    from study.launch.engines.local import n_workers
    from study.plan.winners import lacking
    from study.preflight.check import check_study
    from study.preflight.forecast import forecast
    from study.preflight.routes import route_notes
    from study.queue.opening import begun

    store = begun(spec, places)
    spec = store.spec if store is not None else spec
    laboratory = check_study(spec)
    if not spec.training.function:
        import torch

        torch.set_num_threads(spec.run.threads)
    found = forecast(spec, laboratory, n_workers(spec))
    own = None
    if spec.training.function:
        from study.preflight.own_trainer import call

        say(f"calling {spec.training.function} once")
        own = call(spec, laboratory)
    if as_json:
        told = {**dataclasses.asdict(found), "axes": space_as_text(spec.space)}
        if own is None:
            data = laboratory.dataset
            sizes = [data.n_test_at(n) for n in spec.sizes]
            told |= {"n_test": min(sizes), "n_test_pool": data.n_test_pool}
        if spec.decide.goes_on:
            told["decide"] = dataclasses.asdict(spec.decide)
        told["roles"] = {axis.name: axis.role for axis in spec.space.axes}
        if own is not None:
            told["call"] = _told(own)
        print(json.dumps(told, indent=2, default=dict))
        return 0
    tests = () if own is not None else (("test sets", _test_sets(laboratory.dataset, spec.sizes)),)
    for name, value in _lines(spec, found, own, tests):
        print(f"{name:<22} {value}")
    if why := lacking(spec):
        print(f"note: {why}", file=sys.stderr)
    if not spec.training.function:
        from study.packs.compiling import outlook

        notes = (outlook(spec), *laboratory.dataset.notes, *route_notes(laboratory))
        for note in filter(None, notes):
            print(f"note: {note}", file=sys.stderr)
    return 0


def _told(own: OwnCall) -> dict[str, object]:
    """Return one call of a trainer as JSON holds it: what is no number becomes a word."""
    values = own.answer.values.items()
    answer = {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values
    }
    left = list(own.answer.left_out)
    about = {"params": dict(own.params), "n_examples": own.n_examples, "seconds": own.seconds}
    return {**about, "answer": answer, "left_out": left}


def _own_lines(spec: StudySpec, found: Forecast, own: OwnCall) -> list[tuple[str, str]]:
    """Say what a trainer of one's own will be called with, and what it answered once."""
    from study.launch.progress import duration

    def shown(values: Mapping[str, Value]) -> str:
        return ", ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in values.items()
        )

    at = shown({axis.name: own.params[axis.name] for axis in spec.space.axes})
    took = duration(own.seconds) if own.seconds >= 1 else f"{own.seconds:.1g} s"
    lines = [
        ("called once", f"n_examples {own.n_examples:,}, {at}: {took}"),
        ("its answer", shown(own.answer.values)),
    ]
    if own.answer.left_out:
        names = ", ".join(own.answer.left_out)
        lines.append(("left out of it", f"{names}: neither number, truth nor text"))
    if own.answer.unused:
        names = ", ".join(own.answer.unused)
        lines.append(("left out of it too", f"{names}: a text that is no column of the trials"))
    if own.answer.beside:
        names = ", ".join(own.answer.beside)
        lines.append(("logged beside it", f"{names}: no column of the trials, draws nothing"))
    if not own.answer.is_finite:
        lines.append(("that is", "diverged: an error is not finite"))
    least = own.seconds * found.n_trials / found.workers
    words = f"at least, as its cheapest trial took, with {found.workers} workers"
    return [*lines, ("time", f"{duration(least)} {words}")]


def _axes(spec: StudySpec) -> list[tuple[str, str]]:
    """Return a line for each axis: what it may be, and what for."""
    roles = {"scientific": "spans the grid of cells", "nuisance": "searched in each cell"}
    return [
        (
            f"axis {axis.name}",
            f"{axis.role}: {', '.join(map(str, axis.values)) or axis.domain}"
            + (f" ({roles[axis.role]})" if axis.role in roles else ""),
        )
        for axis in spec.space.axes
    ]


def _test_sets(data: Dataset, sizes: Sequence[int]) -> str:
    """Say which examples trials are tested on."""
    counts = sorted({data.n_test_at(n) for n in sizes})
    if not data.n_test_pool:
        return f"fixed: {counts[0]:,} examples for all trials"
    own = " to ".join(f"{n:,}" for n in dict.fromkeys((counts[0], counts[-1])))
    return f"rotate: each draw has its own {own} of {data.n_test_pool:,} examples"


def _lines(
    spec: StudySpec, found: Forecast, own: OwnCall | None, tests: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    from study.launch.progress import duration

    sizes = ", ".join(f"{n:,}" for n in spec.sizes)
    cells = f"{found.n_sizes} dataset sizes x {found.n_capacities} capacities"
    lines = [
        ("study", spec.name),
        ("digest", spec.digest()[:12]),
        ("data", spec.training.function or f"{spec.data.name}, {sizes} examples"),
        *tests,
        *(_axes(spec) if own is not None else ()),
        ("cells", f"{found.n_cells:,} ({cells}{_students(spec)})"),
        ("search trials", f"{found.n_search_trials:,}"),
        ("replicate trials", f"{found.n_replicate_trials:,} (pruned ones included)"),
        *_longer(found),
        ("trials", f"{found.n_trials:,}"),
    ]
    if spec.decide.goes_on:
        lines.append(("then", _goes_on(spec)))
    if own is not None:
        lines += _own_lines(spec, found, own)
    if found.smallest is not None and found.largest is not None:
        lines += [
            ("smallest model", _model(found.smallest)),
            ("largest model", _model(found.largest)),
            ("training FLOPs", f"{found.train_flops:.2e}"),
        ]
    if found.seconds is not None:
        lines.append(("predicted time", f"{duration(found.seconds)} with {found.workers} workers"))
    return lines


def _goes_on(spec: StudySpec) -> str:
    """Say what comes after the trials of the design."""
    asked = spec.decide
    most = asked.budget or "four times their training FLOPs"
    return (
        f"rounds of further trials until each interval is at most {asked.target:g} times wide, or "
        f"{most} in all"
    )


def _longer(found: Forecast) -> list[tuple[str, str]]:
    """Say how many replicates are trained once more, if any are."""
    n = found.n_longer_trials
    return [("trained longer", f"{n:,} replicates once more, twice the steps")] if n else []


def _students(spec: StudySpec) -> str:
    """Say how often each capacity stands in the design, if it is distilled too."""
    if "distill" not in spec.study.routes:
        return ""
    ways = ["trained", *(f"distilled from {name}" for name in spec.distillation.teachers)]
    return f" x {len(ways)}: {', '.join(ways)}"


def _model(model: ModelForecast) -> str:
    capacity = ", ".join(f"{name} {value}" for name, value in model.capacity.items())
    sizes = f"{model.n_parameters:,} parameters, {model.flops_per_example:,} FLOPs an example"
    return f"{capacity}: {sizes}"
