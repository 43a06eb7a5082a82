"""One finished trial, whole, as plain JSON: what goes to Optuna, to MLflow and to the analysis.

A record is written to disk before anything else hears of the trial, so that a crash loses no
finished work; everything downstream (storage, tracking) can be told again from it.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.table.columns import FIELDS, PHASES, STATUSES, Phase, Status
from analysis.table.fields import Size
from study.redaction import redact

Value = str | int | float | bool

MALFORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
"""What reading raises of JSON that is none, or of something else than it should be."""


class MalformedRecord(ValueError):
    """What should be a record and is none; says which part is wrong."""


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """What one trial was, what came of it, and when."""

    study: str
    study_digest: str
    optuna_study: str
    """Name of the Optuna study (one per dataset size)."""
    trial: int
    """Optuna's number of the trial in that study."""
    slot: str
    """The trial's place in the design, unique in the study; its name everywhere."""
    cell: str
    phase: Phase
    status: Status
    reason: str
    """Why it diverged or failed; empty otherwise."""
    route: str
    n_examples: int
    draw: int
    """Which independent subset draw."""
    seed: int
    params: Mapping[str, Value]
    """Every hyperparameter used: scientific, nuisance and fixed."""
    metrics: Mapping[str, float]
    """Final scores (val_error, test_error, ...), never NaN: what is unknown is left out."""
    sizes: Mapping[str, float]
    """n_parameters, n_nonzero, macs_per_example, flops_per_example, model_bytes, ..."""
    flags: Mapping[str, bool]
    """stopped_early, still_improving, ..."""
    words: Mapping[str, str] = field(default_factory=dict)
    """What else there is to say, by the fields of :class:`analysis.table.columns.Columns`."""
    curve: Mapping[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)
    """Per curve name, (step, value) pairs."""
    test_correct: str = ""
    """Base64 of the packed bits of per-example test correctness; empty if there is none."""
    n_test: int = 0
    n_test_pool: int = 0
    """How many examples rotating test sets are drawn from; 0 where the test set is fixed."""
    data_digest: str = ""
    code_version: str = ""
    worker: str = ""
    started_at: float = 0.0
    """Seconds since the epoch."""
    finished_at: float = 0.0
    method: str = ""
    """How it was pruned, such as ``"iterative-global"``; empty if it was not."""
    parent: str = ""
    """Slot of the dense network that it was pruned from."""
    teacher: str = ""
    """Slot of the network that it learnt from."""

    @property
    def wall_seconds(self) -> float:
        """Time that it took."""
        return self.finished_at - self.started_at

    def row(self) -> dict[str, Any]:
        """Its row of the trial table: every field that it knows."""
        found = {
            name: getattr(self, name)
            if field.place == "own"
            else field.found_in(getattr(self, field.place))
            for name, field in FIELDS.items()
        }
        if self.reason:  # of an earlier version, which kept it as it came
            found["reason"] = redact(self.reason)
        return {name: value for name, value in found.items() if value is not None}

    def holding(self, values: Mapping[str, Value], *, numbers_in: str) -> TrialRecord:
        """The record with further values, each in the part where its field stands.

        NaN, and words that no field declares, are left out; ``numbers_in`` is the part for numbers
        that no field declares.
        """
        names = ("metrics", "sizes", "flags", "words")
        parts: dict[str, dict[str, Any]] = {name: dict(getattr(self, name)) for name in names}
        for name, value in values.items():
            place = FIELDS[name].place if name in FIELDS else ""
            if isinstance(value, bool):
                parts["flags"][name] = value
            elif isinstance(value, str):
                if place == "words":
                    parts["words"][name] = value
            else:
                # A size that is no cost is no answer of a user's own trainer.
                declared = place in ("metrics", "sizes") and type(FIELDS[name]) is not Size
                part = place if declared else numbers_in
                parts[part] |= finite({name: value})
        changes: dict[str, Any] = parts
        return dataclasses.replace(self, **changes)

    def content(self) -> dict[str, Any]:
        """What Optuna keeps: everything but the curves, which MLflow keeps."""
        content = dataclasses.asdict(dataclasses.replace(self, curve={}))
        del content["curve"]
        for name in ("words", "n_test_pool"):
            if not content[name]:
                del content[name]  # a record without stays as it always was, byte for byte
        return content

    def to_json(self) -> str:
        """One line of JSON."""
        content = self.content() | {"curve": self.curve}
        for name in ("method", "parent", "teacher"):
            if not content[name]:
                del content[name]  # a record of before the routes stays, byte for byte
        return json.dumps(content, allow_nan=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> TrialRecord:
        """Read back what :meth:`to_json` wrote."""
        try:
            raw: dict[str, Any] = json.loads(text)
            raw["curve"] = {
                name: tuple((int(step), float(value)) for step, value in points)
                for name, points in raw["curve"].items()
            }
        except MALFORMED as error:
            raise MalformedRecord(f"is no record ({error or type(error).__name__})") from None
        return cls.from_content(raw)

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> TrialRecord:
        """Read back what :meth:`content` gave, but for fields that a later version added.

        Raises
        ------
        MalformedRecord
            If it is something else: a disk, or another program, has changed it.
        """
        if not isinstance(content, Mapping):
            raise MalformedRecord(f"must be an object, got {type(content).__name__}")
        for name, kinds in _KINDS.items():
            if name in content and type(content[name]) not in kinds:
                raise MalformedRecord(f"{name}: must not be {content[name]!r:.60}")
        for part, kinds in _PARTS.items():
            for name, value in content.get(part, {}).items():
                if type(value) not in kinds or (type(value) is float and not isfinite(value)):
                    raise MalformedRecord(f"{part}.{name}: must not be {value!r:.60}")
        for name in ("study", "study_digest", "optuna_study", "slot", "cell"):
            if not str(content.get(name, "")).isprintable():  # of files and runs
                raise MalformedRecord(f"{name}: must not be {content[name]!r:.60}")
        missing = _NEEDED - content.keys()
        if missing:
            raise MalformedRecord(f"{min(missing)}: is missing")
        for name, words in (("phase", PHASES), ("status", STATUSES)):
            if content[name] not in words:
                raise MalformedRecord(f"{name}: must not be {content[name]!r:.60}")
        return cls(**{name: value for name, value in content.items() if name in _KINDS})


_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "Phase": (str,),
    "Status": (str,),
    "int": (int,),
    "float": (float, int),
}
_KINDS = {
    field.name: _TYPES.get(str(field.type), (dict,)) for field in dataclasses.fields(TrialRecord)
}
"""Field -> types of its values."""
_NEEDED = frozenset(
    field.name
    for field in dataclasses.fields(TrialRecord)
    if field.default is MISSING and field.default_factory is MISSING
)
_PARTS: dict[str, tuple[type, ...]] = {
    "params": (str, int, float, bool),
    "metrics": (float, int),
    "sizes": (float, int),
    "flags": (bool,),
    "words": (str,),
}
"""Field of several values -> types of each."""


def pack_bits(correct: npt.NDArray[np.bool_] | None) -> str:
    """Base64 of the packed bits (most significant first); empty for None.

    Examples
    --------
    >>> pack_bits(np.array([True, False, True]))
    'oA=='
    """
    return "" if correct is None else base64.b64encode(np.packbits(correct).tobytes()).decode()


def finite(values: Mapping[str, float]) -> dict[str, float]:
    """Drop what is NaN or infinite: JSON and databases disagree about them."""
    return {name: float(value) for name, value in values.items() if math.isfinite(value)}
