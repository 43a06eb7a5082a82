"""The study file: TOML in, a checked and frozen :class:`StudySpec` out, all mistakes at once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.metric import usual_thresholds
from analysis.settings import AnalysisSettings
from analysis.settings import mistakes as mistakes_of_analysis
from search_spaces.errors import PayoffError
from search_spaces.space import Axis, SearchSpace
from study.data.source import DataSource, may_rotate
from study.data.source import check as check_source
from study.errors import StudyFileError
from study.spec.embedded import EXAMPLES
from study.spec.reading import Mistakes, read_values
from study.spec.routes import check_routes, later_defaults, read_distill_axes
from study.spec.sections import (
    ANALYSIS,
    SECTIONS,
    DecideSection,
    DistillationSection,
    ModelSection,
    PruningSection,
    ReplicatesSection,
    RunSection,
    SearchSection,
    StorageSection,
    StudySection,
    TrainingSection,
)
from study.spec.space import read_space, space_as_text

SEMANTIC = ("study", "data", "model", "space", "training", "pruning", "search", "replicates")
"""Sections that decide what a trial returns: they make the digest. The rest may change freely."""

LATER: dict[str, tuple[str, ...]] = {
    "pruning": ("level_ratio",),
    "distillation": ("regression",),
    "search": ("winner",),
    "space": ("distill_temperature", "distill_mixing", "l2", "patience"),
}
"""Keys that are part of the digest only when they are not at their default: studies from before
there were such keys stay what they are."""

BEFORE: dict[str, dict[str, Any]] = {"search": {"winner": "best"}}
"""What studies did before there was such a key: with that value it is no part of the digest,
whatever its default."""

EXTENT: dict[str, tuple[str, ...]] = {
    "study": ("description", "routes"),
    "replicates": ("draws", "longer"),
    "pruning": ("methods", "scopes"),
    "distillation": ("teachers",),
}
"""Keys that only say which trials there are (or nothing): no part of the digest."""

WHEREABOUTS = ("root", "download")
"""Keys of [data] that say where the examples lie, not what they are: no part of the digest. That
the examples are the same is seen from the examples: `study.preflight.check.fingerprints`."""

EARLIER: dict[str, Any] = {"search.winner": "best", "search.trials": 5, "replicates.draws": 5}
"""What keys meant, where a study file leaves them out, before winners were pooled: studies begun
then go on with it."""

UNSAID = {"data.test_sets": "fixed", "search.winner": "best"}
"""What holds where the settings that make the digest don't say."""

MOST_EXAMPLES = 10**12
"""Of a dataset size."""


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """One study, whole: checked, frozen, with a digest that names what it computes."""

    study: StudySection = field(default_factory=StudySection)
    data: DataSource = field(default_factory=DataSource)
    sizes: tuple[int, ...] = (80, 160, 320, 640, 1280)
    """Dataset sizes, rising; ``sizes`` in the [data] section of the file."""
    model: ModelSection = field(default_factory=ModelSection)
    space: SearchSpace
    training: TrainingSection = field(default_factory=TrainingSection)
    pruning: PruningSection = field(default_factory=PruningSection)
    distillation: DistillationSection = field(default_factory=DistillationSection)
    distill_axes: tuple[Axis, ...] = ()
    """Axes that only students have; they stand in the [space] section of the file."""
    search: SearchSection = field(default_factory=SearchSection)
    replicates: ReplicatesSection = field(default_factory=ReplicatesSection)
    decide: DecideSection = field(default_factory=DecideSection)
    run: RunSection = field(default_factory=RunSection)
    storage: StorageSection = field(default_factory=StorageSection)
    analysis: AnalysisSettings = field(default_factory=AnalysisSettings)
    base: Path = field(default_factory=Path.cwd)
    """Folder that relative paths in the file start from."""
    unsaid: frozenset[str] = frozenset()
    """Keys of :data:`EARLIER` that the file leaves out."""

    @property
    def name(self) -> str:
        """The study's name."""
        return self.study.name

    def semantics(self) -> dict[str, dict[str, Any]]:
        """Everything that decides what a trial returns, as plain JSON values.

        What only says which trials there are is left out: a study may grow (or shrink) by dataset
        sizes, values of scientific axes and draws, and its trials stay what they are.
        """
        sections: dict[str, dict[str, Any]] = {}
        for name in (*SEMANTIC, "distillation"):
            if name == "space":
                sections[name] = space_as_text(self.space, self.distill_axes)
            else:
                sections[name] = json.loads(json.dumps(dataclasses.asdict(getattr(self, name))))
        defaults = {"space": later_defaults()}
        for name, keys in LATER.items():
            default = defaults.get(name) or dataclasses.asdict(getattr(self, name).__class__())
            default = {**default, **BEFORE.get(name, {})}
            for key in keys:
                if sections[name].get(key) == default.get(key):
                    sections[name].pop(key, None)
        data = sections["data"]
        for name in (*WHEREABOUTS, "test_sets"):
            del data[name]
        if self.rotates:  # else as it was before test sets could rotate
            data["test_sets"] = "rotate"
        for name in ("test", "validation"):
            data[name] = data[name] or 0  # 0 and 0.0 both leave the size to the data
        for axis in self.space.scientific:
            sections["space"][axis.name] = "scientific"
        for name, keys in EXTENT.items():
            for key in keys:
                del sections[name][key]
        return {name: section for name, section in sections.items() if section or name in SEMANTIC}

    @property
    def rotates(self) -> bool:
        """Whether each draw has its own test set, unless the data turn out to bring one."""
        return may_rotate(self.data) and not self.training.function

    @property
    def leaves_open(self) -> bool:
        """Whether the file leaves out what a study that has begun may have settled."""
        return bool(self.unsaid) or (self.data.test_sets == "auto" and self.rotates)

    def as_begun(self, digests: Iterable[str]) -> StudySpec:
        """Return the study as it was begun, if the digests of its trials or of its storage say so.

        What the file leaves out is then what it meant when the study began.
        """
        known = set(digests)
        free = (self, self.with_earlier())
        ways = (*free, *(way.with_fixed_test() for way in free))
        return next((way for way in ways if way.digest() in known), self)

    def as_stored(self, stored: Mapping[str, Mapping[str, Any]]) -> StudySpec:
        """Return the study as it was begun, by what was stored of its :meth:`semantics`."""
        search = {"winner": "best", **stored["search"]}
        keys = [key for key in ("winner", "trials") if f"search.{key}" in self.unsaid]
        earlier = any(search[key] == EARLIER[f"search.{key}"] for key in keys)
        found = self.with_earlier() if earlier else self
        return found if "test_sets" in stored["data"] else found.with_fixed_test()

    def with_earlier(self) -> StudySpec:
        """Return the study with what the keys that its file leaves out meant earlier."""
        changed: dict[str, Any] = {}
        for key in sorted(self.unsaid):
            section, _, name = key.partition(".")
            before = changed.get(section, getattr(self, section))
            changed[section] = dataclasses.replace(before, **{name: EARLIER[key]})
        return dataclasses.replace(self, **changed)

    def with_fixed_test(self) -> StudySpec:
        """Return the study with one test set for all its trials, unless its file asks for more."""
        if self.data.test_sets != "auto" or not self.rotates:
            return self
        return dataclasses.replace(self, data=dataclasses.replace(self.data, test_sets="fixed"))

    def digest(self) -> str:
        """Hex SHA-256 of :meth:`semantics`: equal digests compute equal trials."""
        text = json.dumps(self.semantics(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Name every key whose value differs: ``"training.epochs: 30 -> 40"``."""
    lines = []
    for section in sorted({*old, *new}):
        before, after = old.get(section, {}), new.get(section, {})
        for key in sorted({*before, *after}):
            absent = UNSAID.get(f"{section}.{key}")
            was, now = (
                json.dumps(values.get(key, absent), sort_keys=True) for values in (before, after)
            )
            if was != now:  # as text, like the digest: 0 and 0.0 are two axes of an own trainer
                lines.append(f"{section}.{key}: {was} -> {now}")
    return lines


def load_spec(path: str | Path | None, *, base: Path | None = None) -> StudySpec:
    """Read and check a study file whole; ``None`` gives the embedded default study.

    Relative paths in it start from ``base``; without one, from the file's own folder. Raises
    StudyFileError with every mistake of the file.
    """
    if path is None:
        spec = parse_spec(EXAMPLES["digits"], base=base or Path.cwd())
        return dataclasses.replace(spec, unsaid=frozenset(EARLIER))
    file = Path(path).expanduser()
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PayoffError(
            f"{file}: there is no such study file; write one with: payoff init {file}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PayoffError(f"{file}: cannot be read ({error}); give a TOML text file") from None
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of 5,000 digits
        raise PayoffError(f"{file}: not valid TOML: {error}") from None
    return parse_spec(raw, base=base or file.resolve().parent)


def parse_spec(raw: Mapping[str, Any], *, base: Path) -> StudySpec:
    """Build a spec from the parsed TOML; raise :class:`StudyFileError` with all mistakes."""
    mistakes = Mistakes()
    known = {*SECTIONS, "space", "analysis"}
    mistakes.unknown("", raw, known)
    raw = {name: value for name, value in raw.items() if name in known}
    for name in [name for name, value in raw.items() if not isinstance(value, Mapping)]:
        mistakes.add(name, "must be a section", raw[name], f"write [{name}] and its keys below it")
        del raw[name]
    data = dict(raw.get("data", {}))
    sizes = _read_sizes(data.pop("sizes", None), mistakes)
    raw["data"] = data
    values: dict[str, Any] = {}
    for name, section in SECTIONS.items():
        also = ("sizes",) if name == "data" else ()
        values[name] = section(**read_values(section, name, raw.get(name, {}), mistakes, also=also))
    given = raw.get("analysis", {})
    asked = read_values(AnalysisSettings, "analysis", given, mistakes, keys=ANALYSIS)
    asked |= {
        name: value
        for name, value in usual_thresholds(asked["metric"], asked["of"]).items()
        if name not in given
    }
    if raw.get("decide") and "until" not in raw["decide"]:  # who asks so wants it
        values["decide"] = dataclasses.replace(values["decide"], until="decided")
    mistakes.lines.extend(check_source(values["data"], base))
    for name, section in values.items():
        if name not in ("data", "storage"):
            section.check(mistakes)
    asked["price"] = asked["price"] or None  # a price of 0 is none
    for one in mistakes_of_analysis(asked):
        mistakes.add(f"analysis.{one.name}", one.rule, one.value, one.remedy)
    model, training, search = values["model"], values["training"], values["search"]
    if training.function and values["data"].test_sets == "rotate":
        rule = "means nothing to a trainer of one's own, which has its own test set"
        mistakes.add("data.test_sets", rule, "rotate", "remove it")
    if training.function and values["replicates"].longer:
        rule = "means nothing to a trainer of one's own, which decides how long it trains"
        mistakes.add("replicates.longer", rule, values["replicates"].longer, "remove it")
    routes = values["study"].routes
    given = raw.get("space", {})
    space = read_space(given, model.family, bool(training.function), mistakes)
    students = read_distill_axes(given, "distill" in routes, mistakes)
    if space is not None:
        space = check_routes(space, values, given, mistakes)
    _check_decide(values["decide"], sizes, space, routes, search.sampler, mistakes)
    searched = [*(space.nuisance if space else ()), *(a for a in students if a.role == "nuisance")]
    if searched and search.trials == 0:
        rule = f"must be at least 1 while {', '.join(axis.name for axis in searched)} are ranges"
        mistakes.add("search.trials", rule, 0, "give each a single value in [space], or search")
    if mistakes.lines:
        raise StudyFileError(mistakes.lines)
    assert space is not None
    return StudySpec(
        sizes=sizes,
        space=space,
        distill_axes=students,
        analysis=AnalysisSettings(**asked),
        base=base,
        unsaid=_unsaid(raw),
        **values,
    )


def checked_decide(spec: StudySpec, **changes: Any) -> StudySpec:
    """Return the study asked for another decision; raise StudyFileError if that breaks a rule."""
    mistakes = Mistakes()
    decide = dataclasses.replace(spec.decide, **changes)
    decide.check(mistakes)
    if decide.goes_on:
        _check_goes_on(spec.study.routes, spec.search.sampler, mistakes)
    if mistakes.lines:
        raise StudyFileError(mistakes.lines)
    return dataclasses.replace(spec, decide=decide)


def _check_goes_on(routes: Iterable[str], sampler: str, mistakes: Mistakes) -> None:
    """Check that a study may choose its own trials at all."""
    if "distill" in routes:
        rule = "decided cannot be with the route distill: a round would change who the best is"
        mistakes.add("decide.until", rule, "decided", "remove the route, or [decide]")
    if sampler == "tpe":
        rule = "decided needs a search whose points follow from the file"
        mistakes.add("search.sampler", rule, "tpe", 'write "halton" or "random"')


def _check_decide(
    decide: DecideSection,
    sizes: tuple[int, ...],
    space: SearchSpace | None,
    routes: Iterable[str],
    sampler: str,
    mistakes: Mistakes,
) -> None:
    """Check what a study that chooses its own trials is asked against the rest of the file."""
    if decide.goes_on:
        _check_goes_on(routes, sampler, mistakes)
    for size in decide.sizes:
        if size not in sizes:
            rule = f"must be dataset sizes of the study ({', '.join(map(str, sizes))})"
            mistakes.add("decide.sizes", rule, size)
    for axis in space.scientific if space is not None and not decide.goes_on else ():
        if axis.between is not None:
            low, high = axis.between
            rule = "a range of a capacity is for a study that chooses its own trials"
            remedy = "add a [decide] section, or list its values"
            mistakes.add(f"space.{axis.name}", rule, {"low": low, "high": high}, remedy)


def _unsaid(raw: Mapping[str, Any]) -> frozenset[str]:
    """Return the keys of :data:`EARLIER` that a file leaves out."""
    said = {f"{section}.{key}" for section, keys in raw.items() for key in keys}
    return frozenset(EARLIER) - said


def _read_sizes(value: object, mistakes: Mistakes) -> tuple[int, ...]:
    if value is None:
        return StudySpec.sizes
    if not isinstance(value, list) or not value:
        mistakes.add("data.sizes", "must be a list of dataset sizes", value, "such as [100, 1000]")
        return StudySpec.sizes
    wrong = [
        item
        for item in value
        if not isinstance(item, int) or isinstance(item, bool) or not 2 <= item <= MOST_EXAMPLES
    ]
    if wrong:
        rule = f"each must be a whole number from 2 to {MOST_EXAMPLES:,}"
        mistakes.add("data.sizes", rule, wrong[0])
        return StudySpec.sizes
    if sorted(set(value)) != value:
        mistakes.add("data.sizes", "must rise, each once", value, f"write {sorted(set(value))}")
    return tuple(value)
