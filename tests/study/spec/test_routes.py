"""What a study file may say of its routes, and what is refused, with nothing written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from study.cli import main
from study.errors import StudyFileError
from study.plan.design import cells, n_search, slots, teachers
from study.queue.readiness import needs
from study.spec.embedded import EXAMPLES
from study.spec.study_file import StudySpec, load_spec, parse_spec
from study.spec.writing import study_file

SMALL: dict[str, Any] = {
    "study": {"routes": ["train", "prune", "distill"]},
    "data": {"sizes": [80, 160]},
    "space": {"width": [4, 8], "depth": [1], "prune_ratio": [0.0, 0.5]},
    "search": {"trials": 2},
    "replicates": {"draws": 2},
}


def spec_of(**sections: dict[str, Any]) -> StudySpec:
    raw = {name: {**SMALL.get(name, {}), **sections.get(name, {})} for name in {*SMALL, *sections}}
    return parse_spec(raw, base=Path.cwd())


def mistakes_of(**sections: dict[str, Any]) -> list[str]:
    with pytest.raises(StudyFileError) as caught:
        spec_of(**sections)
    return list(caught.value.mistakes)


def test_studies_of_before_the_routes_keep_their_digest() -> None:
    default = "00fb562160d109aad4cc0208f6c4db994ae239d02017abd68faa9bf302ac2751"

    def digest(**raw: Any) -> str:
        spec = parse_spec({**raw, "data": {"test_sets": "fixed"}}, base=Path.cwd())
        return spec.with_earlier().digest()

    assert digest() == default
    every = {"routes": ["train", "prune", "distill"]}
    assert digest(study=every) == default  # it may grow so
    for section in ({"distill_mixing": 1.0}, {"l2": [0.0, 0.1]}):
        assert digest(study=every, space=section) != default
    assert digest(pruning={"level_ratio": 0.3}) != default
    pruning = {"methods": ["one-shot", "iterative"], "scopes": ["layerwise"]}
    assert digest(pruning=pruning) == default


def test_each_capacity_is_trained_and_distilled_from_each_teacher() -> None:
    spec = spec_of(distillation={"teachers": ["best", "width8-depth1"]})
    assert len(cells(spec)) == 3 * 2 * 2
    every = list(slots(spec))
    assert len({slot.name for slot in every}) == len(every)
    assert Counter((slot.phase, slot.cell.teacher, slot.method) for slot in every) == {
        ("search", "", ""): 8,
        ("search", "best", ""): 8,
        ("search", "width8-depth1", ""): 8,
        ("replicate", "", ""): 8,
        ("replicate", "", "one-shot-global"): 8,
        ("replicate", "best", ""): 8,
        ("replicate", "width8-depth1", ""): 8,
    }
    student = next(slot for slot in every if slot.cell.teacher == "best")
    assert {"distill_temperature", "distill_mixing"} <= student.params.keys()
    assert "distill_mixing" not in every[0].params


def test_trained_trials_are_the_same_whatever_other_routes_there_are() -> None:
    alone = {slot.name: slot for slot in slots(spec_of(study={"routes": ["train", "prune"]}))}
    every = {slot.name: slot for slot in slots(spec_of())}
    assert alone.items() <= every.items()


def test_a_teacher_has_seen_none_of_the_examples_its_student_is_judged_by() -> None:
    spec = spec_of(distillation={"teachers": ["best", "width8-depth1"]})
    by_name = {slot.name: slot for slot in slots(spec)}
    by_unit = {slot.unit: slot for slot in by_name.values()}
    found = teachers(by_name.values())
    assert set(found) == {slot.unit for slot in by_name.values() if slot.cell.teacher}
    for unit, names in found.items():
        student = by_unit[unit]
        for name in names:
            teacher = by_name[name]
            assert teacher.cell.n_examples == student.cell.n_examples
            assert teacher.draw == student.draw
            assert teacher.prune_ratio == 0 and not teacher.cell.teacher
            if student.cell.teacher != "best":
                assert teacher.cell.capacity == {"width": 8, "depth": 1}
        # Two capacities may teach: two search trials each, or one replicate of the draw each.
        share = 1 if student.cell.teacher != "best" else 2
        assert len(names) == share * (2 if student.phase == "search" else 1)


def test_a_student_waits_for_those_that_may_teach_it() -> None:
    every = tuple(slots(spec_of()))
    needed = needs(every)
    for unit, names in teachers(every).items():
        assert set(names) <= set(needed[unit])


def test_where_nothing_else_is_tuned_the_search_has_teachers_all_the_same() -> None:
    fixed = {"learning_rate": 0.01, "weight_decay": 0.0, "dropout": 0.0}
    spec = spec_of(space={**SMALL["space"], **fixed})
    trained, student = cells(spec)[0], cells(spec)[-1]
    assert (n_search(spec, trained), n_search(spec, student)) == (1, 2)
    taught = {**fixed, "distill_temperature": 2.0, "distill_mixing": 0.5}
    spec = spec_of(space={**SMALL["space"], **taught})
    assert {slot.phase for slot in slots(spec)} == {"replicate"}


def test_a_ladder_of_ratios_is_written_by_its_levels() -> None:
    spec = spec_of(space={"prune_ratio": {"levels": 3, "rate": 0.2}})
    assert spec.space["prune_ratio"].values == (0.0, 0.2, 0.36, 0.488)
    spec = spec_of(space={"prune_ratio": {"levels": [1, 10]}})
    assert spec.space["prune_ratio"].values == (0.0, 0.2, 0.8926258176)


def test_regularisation_may_be_what_the_study_asks_about() -> None:
    asked = {
        name: {"values": values, "role": "scientific"}
        for name, values in {
            "dropout": [0.0, 0.2],
            "weight_decay": [0.0, 0.1],
            "l2": [0.0, 0.01],
            "l1": [0.0, 0.001],
            "label_smoothing": [0.0, 0.1],
            "patience": [0, 3],
        }.items()
    }
    spec = spec_of(space={"width": [4], "depth": [1], "prune_ratio": 0.0, **asked})
    assert len(cells(spec)) == 2 * 2 * 2**6  # trained and distilled
    assert set(asked) < set(cells(spec)[0].capacity)


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_ready_study_reads_back_as_it_was_written(example: str, tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text(study_file(example, name="s"))
    spec = load_spec(file)
    direct = parse_spec({**EXAMPLES[example], "study": {"name": "s"}}, base=tmp_path)
    assert spec.digest() == direct.digest()


BAD: list[tuple[dict[str, dict[str, Any]], str]] = [
    ({"study": {"routes": ["prune"]}}, "study.routes: must have train"),
    ({"study": {"routes": ["train", "shrink"]}}, "study.routes: must be one of train, prune"),
    ({"study": {"routes": ["train", "train"]}}, "study.routes: must name at least one"),
    ({"space": {"prune_ratio": [0.0, 1.0]}}, "space.prune_ratio: must be in [0, 1), got 1.0"),
    ({"space": {"prune_ratio": [0.0, -0.1]}}, "space.prune_ratio: must be in [0, 1), got -0.1"),
    ({"space": {"prune_ratio": {"levels": 0}}}, "space.prune_ratio.levels: must be a number"),
    ({"space": {"prune_ratio": {"levels": 3, "rate": 1.0}}}, "space.prune_ratio.rate: must be in"),
    ({"study": {"routes": ["train"]}}, 'space.prune_ratio: unused without "prune"'),
    ({"pruning": {"methods": ["itertive"]}}, "pruning.methods: must be one of one-shot"),
    ({"pruning": {"methods": []}}, "pruning.methods: must name at least one"),
    ({"pruning": {"scopes": ["local"]}}, "pruning.scopes: must be one of global, layerwise"),
    ({"pruning": {"level_ratio": 1.0}}, "pruning.level_ratio: must be in (0, 1)"),
    ({"distillation": {"teachers": ["width9-depth1"]}}, "did you mean"),
    ({"distillation": {"teachers": ["other/n80-width8-depth1"]}}, "must be networks of this study"),
    ({"distillation": {"teachers": []}}, "distillation.teachers: must name at least one"),
    ({"space": {"distill_mixing": 1.1}}, "space.distill_mixing: must be in [0, 1)"),
    ({"space": {"distill_temperature": 0}}, "space.distill_temperature: must be in (0"),
    ({"study": {"routes": ["train", "prune"]}, "space": {"distill_mixing": 0.5}}, "without"),
    ({"search": {"trials": 0}}, "search.trials: must be at least 1"),
]


@pytest.mark.parametrize(("sections", "words"), BAD)
def test_what_is_wrong_is_said_in_one_line(sections: dict[str, Any], words: str) -> None:
    found = mistakes_of(**sections)
    assert any(words in line for line in found), found
    assert all("\n" not in line for line in found)


TABLE = "x,y\n" + "".join(f"{i / 50},{(i % 7) / 7 + i / 50}\n" for i in range(300))

LATER: list[tuple[str, str]] = [
    (
        'routes = ["train", "distill"]\n[data]\nname = "table"\nfile = "t.csv"\ntarget = "y"\n'
        'task = "regression"\n'
        'sizes = [40]\n[space]\nwidth = [4]\ndepth = [1]\n',
        "distillation.regression: must say how a regression is distilled",
    ),
    (
        '[space]\nwidth = [4]\ndepth = [1]\nprune_ratio = [0.0, 0.99]\n'
        '[pruning]\nscopes = ["layerwise"]\n',
        "must leave a weight of each layer, got 0.99, which takes all 40 weights of 4.weight",
    ),
    (
        '[space]\nwidth = [4]\ndepth = [1]\nprune_ratio = [0.0, 0.999]\n',
        "which takes all 296 weights of the network",
    ),
    (
        '[space]\nwidth = [4]\ndepth = [0]\nprune_ratio = [0.0, 0.5]\n'
        '[pruning]\nmethods = ["structured"]\n',
        "pruning.methods: structured finds no hidden units",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), LATER)
def test_so_is_what_only_data_and_models_show(
    text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    file = tmp_path / "s.toml"
    file.write_text(f'[study]\nname = "s"\n{text}')
    assert main(["run", str(file), "--root", str(tmp_path / "runs")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert words in lines[0]
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_teacher_smaller_than_its_student_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "s.toml"
    file.write_text(
        '[study]\nname = "s"\nroutes = ["train", "distill"]\n[space]\nwidth = [4, 8]\n'
        'depth = [1]\n[distillation]\nteachers = ["width4-depth1"]\n'
    )
    assert main(["run", str(file), "--dry-run"]) == 0
    notes = capsys.readouterr().err
    assert "width4-depth1 (310 parameters) is smaller than its students width8-depth1" in notes
