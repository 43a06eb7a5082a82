"""Do the fused and the reference trainer draw the same curves?

    python -m benchmarks.agreement [STUDY_FILE] [--keep FOLDER]

Runs one study twice, once with each trainer, each into a store of its own, and compares: the mean
test error of the replicates in every cell with its interval, the fitted curves with their bands,
the search's choices, and the payoff points. Without a study file it is the default study.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from analysis.study import StudyAnalysis, analyse
from analysis.table.reading import read_table
from analysis.table.trials import TrialTable
from study.handover.results import settings_of
from study.places import Places
from study.spec.study_file import StudySpec, load_spec


def main() -> int:
    """Run, compare, print; return 1 where a cell or a curve disagrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", nargs="?")
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    spec = load_spec(given.study)
    with tempfile.TemporaryDirectory() as name:
        folder = given.keep or Path(name)
        tables = {
            trainer: trials(spec, given.study, trainer, folder / trainer)
            for trainer in ("packs", "reference")
        }
        return compare(spec, tables["packs"], tables["reference"])


def trials(spec: StudySpec, file: str | None, trainer: str, root: Path) -> TrialTable:
    """Run the study with one trainer, or go on with it; return its trials."""
    text = Path(file).read_text(encoding="utf-8") if file else ""
    if "[run]" in text:
        raise SystemExit(f"{file}: leave [run] out, it is set here")
    root.mkdir(parents=True, exist_ok=True)
    own = root / "study.toml"
    own.write_text(f'{text}\n[run]\ntrainer = "{trainer}"\n', encoding="utf-8")
    store = root / "mlruns"
    words = [sys.executable, "-m", "study.cli", "run", str(own), "--root", str(store), "--quiet"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return read_table(Places(store).results(spec.name) / "trials.csv")


def compare(spec: StudySpec, packs: TrialTable, reference: TrialTable) -> int:
    """Print how far the two tables agree; return 1 if anything lies outside an interval."""
    outside = compare_cells(packs, reference)
    outside += compare_curves(
        analyse(packs, settings_of(spec)), analyse(reference, settings_of(spec))
    )
    return int(outside > 0)


def replicates(table: TrialTable) -> dict[str, dict[str, float]]:
    """Cell and prune ratio -> slot -> test error."""
    found: dict[str, dict[str, float]] = {}
    for row in range(len(table)):
        if table.phase[row] == "replicate" and table.status[row] == "complete":
            name = f"{table.cell[row]} pruned {table.prune_ratio[row]:g}"
            found.setdefault(name, {})[table.slot[row]] = float(table.test_error[row])
    return found


def compare_cells(packs: TrialTable, reference: TrialTable) -> int:
    """Compare every cell; return how many lie outside the interval of their mean."""
    first, second = replicates(packs), replicates(reference)
    assert first.keys() == second.keys(), "the two runs have other cells"
    gaps, same, outside = [], 0, 0
    for name, errors in first.items():
        slots = sorted(errors)
        assert slots == sorted(second[name]), f"{name}: other replicates"
        a, b = (np.array([one[slot] for slot in slots]) for one in (errors, second[name]))
        gap = abs(a.mean() - b.mean())
        # Half of a 90% interval of a mean of n runs (Student's t for n = 5: 2.13).
        half = 2.13 * max(a.std(ddof=1), b.std(ddof=1)) / np.sqrt(len(slots))
        same += int(np.array_equal(a, b))
        outside += int(gap > half)
        gaps.append(gap)
        if gap > half:
            print(f"outside: {name}: {a.mean():.4f} and {b.mean():.4f}, half interval {half:.4f}")
    print(
        f"{len(gaps)} cells (prune ratios apart): {same} with the very same errors, "
        f"{outside} apart by more than half their 90% interval; "
        f"largest gap of the means {max(gaps):.4f}, mean gap {np.mean(gaps):.5f}"
    )
    return outside


def compare_curves(packs: StudyAnalysis, reference: StudyAnalysis) -> int:
    """Compare the fitted curves on the sizes tried; return how many points lie outside a band."""
    outside = points = 0
    for a, b in zip(packs.fits, reference.fits, strict=True):
        sizes = np.unique(np.asarray(a.curve.size, dtype=float))
        low, high = b.band(sizes, 0.9)
        inside = (a.predict(sizes) >= low) & (a.predict(sizes) <= high)
        points += len(sizes)
        outside += int((~inside).sum())
    print(f"{points} points of the fitted curves: {outside} outside the other's 90% band")
    print("payoff points of both:")
    for row, other in zip(packs.rows(), reference.rows(), strict=True):
        print("  " + "  ".join(row.values()) + "   |   " + "  ".join(other.values()))
    return outside


if __name__ == "__main__":
    sys.exit(main())
