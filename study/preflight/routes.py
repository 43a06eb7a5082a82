"""What of the routes can only be checked with data and models in hand."""

from __future__ import annotations

from collections.abc import Mapping

from search_spaces.errors import PayoffError
from study.compression.counts import n_pruned
from study.models.registry import family_named
from study.plan.design import prune_ratios
from study.record import Value
from study.spec.routes import BEST, capacities, capacity_name
from study.trials.laboratory import Laboratory


def check_routes(laboratory: Laboratory) -> list[str]:
    """Say what is wrong with pruning or distilling these models on these data."""
    mistakes = _pruning(laboratory) if any(prune_ratios(laboratory.spec)) else []
    spec = laboratory.spec
    asked = "distill" in spec.study.routes
    if asked and laboratory.dataset.task == "regression" and not spec.distillation.regression:
        mistakes.append(
            "distillation.regression: must say how a regression is distilled, got ''; set it to "
            '"outputs" (squared distance to the teacher\'s outputs, mixed with that to the targets)'
        )
    return mistakes


def _pruning(laboratory: Laboratory) -> list[str]:
    """Try the largest ratio on every capacity, without training."""
    spec = laboratory.spec
    largest = prune_ratios(spec)[-1]
    for capacity in capacities(spec.space):
        name = capacity_name(capacity)
        if "structured" in spec.pruning.methods:
            model = laboratory.build(capacity)
            from study.compression.structured import groups

            try:
                groups(model)
            except PayoffError as error:
                return [f"{error} (at {name})"]
        if any(method != "structured" for method in spec.pruning.methods):
            for scope in spec.pruning.scopes:
                sizes = weight_counts(laboratory, capacity)
                emptied = _emptied(sizes, largest, layerwise=scope == "layerwise")
                if emptied:
                    return [
                        f"space.prune_ratio: must leave a weight of each layer, got {largest:g}, "
                        f"which takes all {emptied} at {name}; lower it or start at a larger width"
                    ]
    return []


def weight_counts(laboratory: Laboratory, capacity: Mapping[str, Value]) -> dict[str, int]:
    """Count the prunable weights of each tensor of a network, without building it if possible."""
    dataset, count = laboratory.dataset, family_named(laboratory.spec.model.family).weights
    if count is not None:
        width, depth = int(capacity["width"]), int(capacity["depth"])
        return count(width, depth, dataset.input_shape, dataset.n_outputs)
    from study.models.weights import weights_of

    return {name: w.numel() for name, w in weights_of(laboratory.build(capacity)).items()}


def _emptied(sizes: Mapping[str, int], ratio: float, *, layerwise: bool) -> str:
    """Name what a ratio leaves nothing of, whatever the weights are."""
    if not layerwise:
        sizes = {"the network": sum(sizes.values())}
    for name, size in sizes.items():
        if size and n_pruned(size, ratio) == size:
            return f"{size:,} weights of {name}"
    return ""


def route_notes(laboratory: Laboratory) -> list[str]:
    """Warn of teachers that have fewer parameters than some of their students."""
    spec = laboratory.spec
    if "distill" not in spec.study.routes:
        return []
    counts: dict[str, int] = {}
    for capacity in capacities(spec.space):
        parameters = laboratory.build(capacity).parameters()
        counts[capacity_name(capacity)] = sum(parameter.numel() for parameter in parameters)
    notes = []
    for teacher in spec.distillation.teachers:
        if teacher == BEST:
            continue
        larger = [name for name, count in counts.items() if count > counts[teacher]]
        if larger:
            notes.append(
                f"distillation.teachers: {teacher} ({counts[teacher]:,} parameters) is smaller "
                f"than its students {', '.join(larger)}"
            )
    return notes
