"""The study file: every mistake is found in one reading, each named with its remedy."""

from __future__ import annotations

import datetime
import math
import tomllib
from pathlib import Path
from typing import Any

import pytest

from search_spaces.errors import PayoffError
from study.errors import StudyFileError
from study.plan.design import slots
from study.spec.embedded import EXAMPLES
from study.spec.sections import entries
from study.spec.study_file import StudySpec, differences, load_spec, parse_spec
from study.spec.writing import as_toml, safe_name, study_file, toml_value


def mistakes(raw: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(StudyFileError) as caught:
        parse_spec(raw, base=Path.cwd())
    return caught.value.mistakes


def test_the_embedded_study_sweeps_the_five_axes_over_five_sizes() -> None:
    spec = load_spec(None)
    assert len(spec.sizes) >= 5
    roles = {axis.name: axis.role for axis in spec.space.axes}
    assert [roles[name] for name in ("width", "depth", "prune_ratio")] == ["scientific"] * 3
    assert [roles[name] for name in ("dropout", "weight_decay", "learning_rate")] == [
        "nuisance"
    ] * 3
    assert len(spec.space["width"].values) == 8
    assert len(spec.space["depth"].values) == 2
    assert spec.replicates.total >= 3


@pytest.mark.parametrize(
    "name",
    ["draw", "seed", "n_examples", "slot", "phase", "status", "trial", "test_error", "params"],
)
def test_an_axis_has_no_name_that_trials_have_already(name: str) -> None:
    training = {"function": "mine.py:train"}
    (found,) = mistakes({"training": training, "space": {"width": [1, 2], name: [1, 2]}})
    assert f"space.{name}: is what payoff itself calls a column" in found
    assert f"give the axis another name, such as my_{name}" in found


@pytest.mark.parametrize("name", ["red\x1b[31m", "", " ", "a\nb", "a" * 101])
def test_names_of_axes_are_names(name: str) -> None:
    training = {"function": "mine.py:train"}
    (found,) = mistakes({"training": training, "space": {"width": [1, 2], name: [1, 2]}})
    assert "space: an axis needs a name of 1 to 100 characters, none of them for control" in found


def test_texts_have_no_control_characters() -> None:
    training = {"function": "mine.py:train"}
    space = {"width": [1, 2], "größe": ["大", "a\x00b"]}
    study = {"name": "a", "description": "\x1b]0;title\x07"}
    found = mistakes({"study": study, "training": training, "space": space})
    assert [line.partition(", got")[0] for line in found] == [
        "study.description: must have no control characters",
        "space.größe: must have no control characters",
    ]
    assert not any("\x1b" in line or "\x00" in line for line in found)


def test_a_grid_that_no_memory_holds_is_refused_before_it_is_laid_out() -> None:
    values = list(range(1, 3001))
    training = {"function": "mine.py:train"}
    (found,) = mistakes({"training": training, "space": {"width": values, "depth": values}})
    assert "space: must lay out at most 100,000 networks, got 9,000,000" in found


def test_every_mistake_is_reported_at_once() -> None:
    found = mistakes(
        {
            "study": {"nmae": "x", "seed": -1},
            "data": {"sizes": [100, 50]},
            "model": {"family": "mpl"},
            "space": {"widht": [1], "dropout": {"low": 0.5, "high": 0.1}},
            "training": {"epochs": "many"},
            "serach": {},
        }
    )
    text = "\n".join(found)
    for part in (
        "study.nmae: unknown key; did you mean 'name'?",
        "study.seed: must be at least 0, got -1",
        "data.sizes: must rise, each once, got [100, 50]; write [50, 100]",
        "vit, custom, got 'mpl'; did you mean 'mlp'?",
        "space.widht: unknown axis; did you mean 'width'?",
        "space.dropout",
        "training.epochs: must be a whole number, got 'many'",
        "serach: unknown section; did you mean 'search'?",
    ):
        assert part in text
    assert len(found) == 8


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (
            {"space": {"learning_rate": {"low": 0.0, "high": 0.1, "log": True}}},
            "space.learning_rate",
        ),
        ({"space": {"weight_decay": {"low": 0.0, "high": 0.1, "log": True}}}, "space.weight_decay"),
        ({"space": {"dropout": {"low": 0.3, "high": 0.1}}}, "space.dropout"),
        ({"space": {"dropout": {"low": 0.3}}}, "space.dropout.high"),
        ({"space": {"dropout": 1.0}}, "space.dropout"),
        ({"space": {"dropout": "none"}}, "space.dropout"),
        ({"space": {"width": []}}, "space.width"),
        ({"space": {"width": [4, 4]}}, "space.width"),
        ({"space": {"width": [0]}}, "space.width"),
        ({"space": {"width": [2.5]}}, "space.width"),
        ({"space": {"width": {"low": 1, "high": 4}}}, "space.width"),
        ({"space": {"prune_ratio": [0.0, 1.0]}}, "space.prune_ratio"),
        ({"space": {"prune_ratio": [0.5]}}, "space.prune_ratio"),
        ({"space": {"depth": [-1]}}, "space.depth"),
        ({"data": {"sizes": []}}, "data.sizes"),
        ({"data": {"sizes": [True]}}, "data.sizes"),
        ({"data": {"sizes": 100}}, "data.sizes"),
        ({"data": {"name": "digit"}}, "data.name"),
        ({"data": {"label_noise": 1.5}}, "data.label_noise"),
        ({"model": {"family": "custom"}}, "model.function"),
        ({"model": {"function": "a.py:b"}}, "model.function"),
        ({"search": {"trials": 0}}, "search.trials"),
        ({"search": {"sampler": "grid"}}, "search.sampler"),
        ({"replicates": {"draws": 0}}, "replicates.draws"),
        ({"replicates": {"longer": 7}}, "replicates.longer"),
        ({"replicates": {"longer": -1}}, "replicates.longer"),
        ({"training": {"epochs": 0}}, "training.epochs"),
        ({"training": {"schedule": 3}}, "training.schedule"),
        ({"run": {"workers": -1}}, "run.workers"),
        ({"run": {"device": "CPU 0"}}, "run.device"),
        ({"analysis": {"level": 1.0}}, "analysis.level"),
        ({"analysis": {"rule": "economic"}}, "analysis.price"),
        ({"analysis": {"resamples": 10**9}}, "analysis.resamples"),
        ({"analysis": {"marginal": 1.0}}, "analysis.marginal"),
        ({"analysis": {"price": -1.0}}, "analysis.price"),
        ({"data": 3}, "data"),
    ],
)
def test_a_mistake_names_its_key(raw: dict[str, Any], key: str) -> None:
    found = mistakes(raw)
    assert len(found) == 1
    assert found[0].startswith(key)
    assert ": " in found[0]


def test_a_number_fixes_an_axis_and_a_study_without_nuisance_needs_no_search() -> None:
    fixed = {"learning_rate": 0.01, "weight_decay": 0.0, "dropout": 0.0}
    spec = parse_spec({"space": fixed, "search": {"trials": 0}}, base=Path.cwd())
    assert spec.space.nuisance == ()
    assert spec.space["learning_rate"].value == 0.01


def test_own_trainers_may_name_any_axis() -> None:
    raw = {
        "training": {"function": "mine.py:train"},
        "space": {
            "heads": [1, 2],
            "warmth": {"low": 0.1, "high": 1.0},
            "leaves": {"values": [4, 8], "role": "scientific"},
        },
    }
    spec = parse_spec(raw, base=Path.cwd())
    assert [axis.name for axis in spec.space.nuisance] == ["heads", "warmth"]
    assert [axis.name for axis in spec.space.scientific] == ["leaves"]
    assert len(spec.space.axes) == 3  # none that the file does not name
    assert parse_spec(tomllib.loads(as_toml(spec, file="x")), base=Path.cwd()).space == spec.space


@pytest.mark.parametrize(
    ("space", "there", "remedy"),
    [
        ({}, "none", "my_size"),
        ({"leaves": [4, 8], "rate": 0.1}, "leaves (nuisance), rate (fixed)", "leaves"),
        ({"prune_ratio": [0.0, 0.5]}, "prune_ratio (scientific)", "my_size"),
    ],
)
def test_an_own_trainer_needs_the_axis_that_is_its_size(
    space: dict[str, Any], there: str, remedy: str
) -> None:
    with pytest.raises(StudyFileError) as caught:
        parse_spec({"training": {"function": "mine.py:train"}, "space": space}, base=Path.cwd())
    (line,) = [line for line in caught.value.mistakes if line.startswith("space:")]
    assert f"got {there};" in line
    assert f'{remedy} = {{ values = [...], role = "scientific" }}' in line


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_written_study_file_reads_back_as_the_same_study(example: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(study_file(example, name="mine"))
    spec = load_spec(path)
    raw = {**EXAMPLES[example]}
    raw["study"] = {**raw.get("study", {}), "name": "mine"}
    assert spec.digest() == parse_spec(raw, base=tmp_path).digest()
    assert as_toml(spec, file="mine.toml") == path.read_text()


def test_every_default_is_visible_in_the_written_file_with_a_comment() -> None:
    text = study_file("digits", name="mine")
    spec = load_spec(None)
    for section in (
        "study",
        "data",
        "model",
        "training",
        "pruning",
        "search",
        "replicates",
        "run",
        "storage",
        "analysis",
    ):
        assert f"[{section}]" in text
        position = text.index(f"[{section}]")
        for key, _, meaning in entries(getattr(spec, section)):
            assert f"\n{key} = " in text[position:]
            assert meaning, f"{section}.{key} has no words"


def test_the_digest_covers_what_decides_a_result_and_nothing_else() -> None:
    base = parse_spec({}, base=Path.cwd())
    same = parse_spec(
        {"run": {"workers": 7}, "analysis": {"level": 0.8}, "study": {"description": "x"}},
        base=Path("/"),
    )
    other = parse_spec({"training": {"epochs": 31}}, base=Path.cwd())
    assert same.digest() == base.digest()
    assert other.digest() != base.digest()
    assert differences(base.semantics(), other.semantics()) == ["training.epochs: 30 -> 31"]


def test_the_digest_tells_rotating_test_sets_from_a_fixed_one() -> None:
    search, replicates = {"winner": "best", "trials": 5}, {"draws": 5}

    def read(**data: Any) -> StudySpec:
        raw = {"data": data, "search": search, "replicates": replicates}
        return parse_spec(raw, base=Path.cwd())

    auto, rotating, fixed = read(), read(test_sets="rotate"), read(test_sets="fixed")
    golden = "00fb562160d109aad4cc0208f6c4db994ae239d02017abd68faa9bf302ac2751"
    assert fixed.digest() == golden  # that of studies from before there was a choice
    today = "be89a552809b1a2a708ec06c72d4179bcc849b287a7f01248953a40852f2c2a4"
    assert auto.digest() == rotating.digest() == today
    assert differences(fixed.semantics(), auto.semantics()) == [
        'data.test_sets: "fixed" -> "rotate"'
    ]
    assert auto.as_begun([golden]) == fixed
    assert auto.as_begun([auto.digest()]) is auto is auto.as_begun([])
    assert rotating.as_begun([golden]) is rotating
    # Data that bring a test set were never another study.
    images = {"name": "MNIST", "root": "x"}
    assert (
        read(**images, download=True).digest()
        == read(**images, download=True, test_sets="fixed").digest()
    )


def test_what_a_file_leaves_out_means_what_it_did_when_the_study_began() -> None:
    def read(search: dict[str, Any] | None = None, **raw: Any) -> StudySpec:
        return parse_spec({**raw, "search": search or {}}, base=Path.cwd())

    said = {"winner": "best", "trials": 5}
    fixed_then = "00fb562160d109aad4cc0208f6c4db994ae239d02017abd68faa9bf302ac2751"
    then = read(said).digest()
    today = read()
    assert (today.search.winner, today.search.trials, today.replicates.draws) == ("pooled", 3, 6)
    assert today.digest() == read({"winner": "pooled", "trials": 3}).digest()
    assert differences(read(said).semantics(), today.semantics()) == [
        "search.trials: 5 -> 3",
        'search.winner: "best" -> "pooled"',
    ]
    assert today.as_begun([today.digest()]) is today is today.as_begun([])
    assert today.as_begun(["another"]) is today
    for digest, rotates in ((then, True), (fixed_then, False)):
        begun = today.as_begun([digest])
        assert (begun.search.winner, begun.search.trials) == ("best", 5)
        assert (begun.replicates.draws, begun.rotates) == (5, rotates)
        assert begun.digest() == digest
        assert today.as_stored(begun.semantics()) == begun
    # So does the embedded study, which nobody's file tells.
    embedded = load_spec(None)
    assert len(list(slots(embedded))) == 1120
    assert (embedded.search.trials, embedded.replicates.draws) == (2, 6)
    assert embedded.as_begun([embedded.digest()]) is embedded
    begun = embedded.as_begun([then])
    assert (begun.search.winner, begun.search.trials, begun.replicates.draws) == ("best", 5, 5)
    # What is said stays.
    draws = read(replicates={"draws": 4}).as_begun([then])
    assert (draws.search.winner, draws.replicates.draws) == ("best", 4)
    assert read({"winner": "pooled", "trials": 3}).as_begun([then]).search.winner == "pooled"
    for search in ({"trials": 4}, {"trials": 5}):
        old = read({**search, "winner": "best"})
        assert read(search).as_begun([old.digest()]).digest() == old.digest()
        assert read(search).as_stored(old.semantics()).digest() == old.digest()
    # Pooled winners had been asked for before they were the default, with five trials a cell.
    asked = read({"winner": "pooled"})
    assert asked.as_stored(read({"winner": "pooled", "trials": 5}).semantics()).search.trials == 5


def test_a_missing_file_and_broken_toml_are_one_line_each(tmp_path: Path) -> None:
    with pytest.raises(PayoffError, match="no such study file; write one with: payoff init"):
        load_spec(tmp_path / "absent.toml")
    (tmp_path / "broken.toml").write_text("[study\n")
    with pytest.raises(PayoffError, match="not valid TOML"):
        load_spec(tmp_path / "broken.toml")
    with pytest.raises(PayoffError, match="cannot be read"):
        load_spec(tmp_path)


def test_names_and_values_are_written_as_toml_reads_them() -> None:
    assert safe_name("../my study!") == "my-study-"
    assert toml_value('a "b"\n') == '"a \\"b\\"\\n"'
    assert toml_value([1, 0.5, True]) == "[1, 0.5, true]"


OWN = {"function": "mine.py:train"}


@pytest.mark.parametrize(
    ("axis", "key"),
    [
        ([[1, 2], [3]], "space.mine"),
        ({"values": [{"a": 1}]}, "space.mine"),
        (datetime.date(2024, 1, 1), "space.mine"),
        ([datetime.date(2024, 1, 1)], "space.mine"),
        (math.nan, "space.mine"),
        (math.inf, "space.mine"),
        ([1.0, -math.inf], "space.mine"),
        (10**400, "space.mine"),
        ({"values": [1, 2], "role": ["nuisance"]}, "space.mine.role"),
        ({"low": "a", "high": "b"}, "space.mine.low"),
        ({"low": [1], "high": 2}, "space.mine.low"),
        ({"low": 0, "high": math.inf}, "space.mine.high"),
        ({"low": 0, "high": 10**400}, "space.mine.high"),
        ({"low": 0, "high": 2, "step": 10**400}, "space.mine.step"),
        ({"low": 0, "high": 2, "step": "1"}, "space.mine.step"),
        ({"low": 0, "high": True}, "space.mine.high"),
        ({"low": 2, "high": 1}, "space.mine.low"),
        ({"low": 2, "high": 1, "step": 1}, "space.mine.low"),
    ],
)
def test_no_value_of_an_own_axis_ends_in_a_traceback(axis: object, key: str) -> None:
    found = mistakes({"training": OWN, "space": {"mine": axis}})
    assert found
    assert found[0].startswith(f"{key}:")


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("analysis", "price", math.nan),
        ("analysis", "price", math.inf),
        ("analysis", "price", 10**400),
        ("analysis", "level", math.nan),
        ("analysis", "resamples", 10**12),
        ("run", "workers", 10**9),
        ("run", "threads", 10**9),
        ("training", "epochs", 10**400),
        ("training", "min_steps", 10**400),
        ("training", "warmup_fraction", math.nan),
        ("pruning", "fine_tune_fraction", math.nan),
        ("search", "trials", 10**9),
        ("replicates", "draws", 10**9),
        ("study", "seed", 10**400),
        ("data", "label_noise", math.nan),
        ("data", "test", math.nan),
        ("data", "sizes", [10**400]),
        ("space", "width", [10**400]),
        ("space", "learning_rate", 10**400),
        ("space", "weight_decay", math.nan),
    ],
)
def test_a_number_is_finite_and_within_reason(section: str, key: str, value: object) -> None:
    (line,) = mistakes({section: {key: value}})
    assert line.startswith(f"{section}.{key}: ")
    assert len(line) < 300


@pytest.mark.parametrize("text", ["[run]\nworkers = " + "1" * 5000, "a = " + "[" * 100_000])
def test_numbers_and_lists_that_toml_cannot_hold_are_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(PayoffError, match="not valid TOML"):
        load_spec(tmp_path / "study.toml")


@pytest.mark.parametrize(
    "raw",
    [
        {"storage": "postgresql://anna:s3cret@db/payoff"},
        {"storage": {"optuna": ["postgresql://anna:s3cret@db/payoff"]}},
        {"storage": {"mlflow": {"uri": "https://anna:s3cret@mlflow"}}},
    ],
)
def test_no_message_shows_a_password(raw: dict[str, Any]) -> None:
    (line,) = mistakes(raw)
    assert "s3cret" not in line
    assert "anna:***@" in line


def test_the_order_of_the_axes_in_the_file_changes_nothing() -> None:
    axes = {"heads": [1, 2], "warmth": {"low": 0.1, "high": 1.0}, "depth": [1], "learning_rate": 1}
    axes["blocks"] = {"values": [1, 2], "role": "scientific"}
    reverse = dict(reversed(axes.items()))
    one, other = (
        parse_spec({"training": OWN, "space": space}, base=Path.cwd()) for space in (axes, reverse)
    )
    assert one.digest() == other.digest()
    assert list(slots(one)) == list(slots(other))


@pytest.mark.parametrize(
    ("whole", "real"),
    [
        ({"space": {"weight_decay": 0}}, {"space": {"weight_decay": 0.0}}),
        ({"space": {"dropout": [0, 0.5]}}, {"space": {"dropout": [0.0, 0.5]}}),
        ({"space": {"prune_ratio": 0}}, {"space": {"prune_ratio": [0.0]}}),
        (
            {"space": {"l1": {"low": 0, "high": 2, "step": 1}}},
            {"space": {"l1": {"low": 0.0, "high": 2.0, "step": 1.0}}},
        ),
        ({"data": {"test": 0}}, {"data": {"test": 0.0}}),
    ],
)
def test_a_whole_number_is_the_same_study_as_its_decimal(
    whole: dict[str, Any], real: dict[str, Any]
) -> None:
    one, other = (parse_spec(raw, base=Path.cwd()) for raw in (whole, real))
    assert one.digest() == other.digest()


def test_what_differs_is_always_named() -> None:
    one, other = (
        parse_spec({"training": OWN, "space": {"width": [2], "mine": value}}, base=Path.cwd())
        for value in (1, 1.0)
    )
    assert one.digest() != other.digest()
    assert differences(one.semantics(), other.semantics()) == ["space.mine: 1 -> 1.0"]


def test_a_data_folder_may_move(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = (
        parse_spec({"data": {"name": "MNIST", **keys}}, base=tmp_path)
        for keys in ({"root": "a"}, {"root": "b", "download": True})
    )
    assert one.digest() == other.digest()
