"""Structured pruning: whole hidden units or channels go, and the network becomes really smaller.

A *group* is a layer whose outputs nothing but the next layer reads, so that they may go without
a change elsewhere: what the blocks of a network say may be cut (:class:`study.models.block.Cut`),
or, in a plain chain of layers, each but the last. Of n units

    n_pruned = round(prune_ratio x n_units)

go, those whose incoming weights have the least L1 norm (Li et al. 2017), over all groups together
(norms divided by the mean norm of their group, since layers differ in fan-in) or in each group. One
unit of each group always stays.

What is pruned is first masked, weights in and out and bias, so that the fine-tuning can run in
packs of one shape; :func:`cut_out` then takes the remaining units out into a smaller dense network
that answers the same, to float rounding.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from search_spaces.errors import PayoffError
from study.compression.counts import n_pruned
from study.models.block import Block
from study.models.registry import FAMILIES
from study.models.sizes import forward_flops
from study.spec.routes import Scope
from study.training.settings import TrainResult

MIXING = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.Softmax, nn.LogSoftmax)
"""Modules in which one unit changes what the others hand on."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Units that may go: who makes them, who reads them."""

    maker: str
    """Name of the layer whose outputs they are."""
    norm: str
    """Name of the normalisation that follows, one value a unit; empty if there is none."""
    reader: str
    n_units: int
    repeats: int
    """Inputs of the reader that each unit feeds: more than one after flattening."""


def groups(model: nn.Module) -> tuple[Group, ...]:
    """Find the groups of a network, in its order; PayoffError if it has none."""
    found = [
        _group(model, *(part and f"{name}.{part}".lstrip(".") for part in cut))
        for name, module in model.named_modules()
        if isinstance(module, Block)
        for cut in module.cuts
    ]
    children = dict(model.named_children()) if isinstance(model, nn.Sequential) else {}
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d)
    plain = all(isinstance(m, kinds) or not list(m.parameters()) for m in children.values())
    if not found and plain and not any(isinstance(m, MIXING) for m in children.values()):
        layers = [name for name, module in children.items() if isinstance(module, kinds)]
        found = [_group(model, *pair) for pair in itertools.pairwise(layers)]
    if not found:
        raise PayoffError(
            "pruning.methods: structured finds no hidden units to prune in this network; "
            f"use one of {', '.join(FAMILIES)} with a hidden layer, or another method"
        )
    return tuple(found)


def _group(model: nn.Module, maker: str, reader: str, norm: str = "") -> Group:
    n_units = len(model.get_parameter(f"{maker}.weight"))
    inputs = model.get_parameter(f"{reader}.weight").shape[1]
    return Group(maker=maker, norm=norm, reader=reader, n_units=n_units, repeats=inputs // n_units)


@torch.no_grad()
def kept_units(model: nn.Module, ratio: float, scope: Scope) -> dict[str, Tensor]:
    """Return, per maker, which of its units stay: bool, (units,)."""
    norms = {
        group.maker: model.get_parameter(f"{group.maker}.weight").abs().flatten(1).sum(1)
        for group in groups(model)
    }
    if scope == "layerwise":
        return {maker: _kept(norm, n_pruned(len(norm), ratio)) for maker, norm in norms.items()}
    scaled = {maker: norm / norm.mean().clamp_min(1e-30) for maker, norm in norms.items()}
    for norm in scaled.values():
        norm[norm.argmax()] = torch.inf  # one of each group stays
    together = torch.cat(list(scaled.values()))
    most = len(together) - len(scaled)
    kept = _kept(together, min(n_pruned(len(together), ratio), most))
    pieces = torch.split(kept, [len(norm) for norm in scaled.values()])
    return dict(zip(scaled, pieces, strict=True))


def _kept(norms: Tensor, n_gone: int) -> Tensor:
    kept = torch.ones(len(norms), dtype=torch.bool, device=norms.device)
    kept[torch.argsort(norms, stable=True)[: min(n_gone, len(norms) - 1)]] = False
    return kept


@torch.no_grad()
def unit_masks(model: nn.Module, ratio: float, scope: Scope) -> dict[str, Tensor]:
    """Masks that switch the pruned units off: weights in and out, biases and normalisation."""
    return masks_of(model, kept_units(model, ratio, scope))


@torch.no_grad()
def masks_of(model: nn.Module, kept: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Masks that leave the units given, per maker: bool, (units,)."""
    masks: dict[str, Tensor] = {}

    def mask(name: str) -> Tensor:
        return masks.setdefault(name, torch.ones_like(model.get_parameter(name)))

    for group in groups(model):
        stays = kept[group.maker]
        for layer in filter(None, (group.maker, group.norm)):
            for name, _ in model.get_submodule(layer).named_parameters(recurse=False):
                mask(f"{layer}.{name}")[~stays] = 0
        mask(f"{group.reader}.weight")[:, ~stays.repeat_interleave(group.repeats)] = 0
    return masks


def cut_out(
    result: TrainResult, masks: Mapping[str, Tensor], input_shape: tuple[int, ...]
) -> TrainResult:
    """Return the result with the smaller network, and the FLOPs that training it would take."""
    assert result.model is not None
    small = smaller(result.model, masks)
    share = forward_flops(small, input_shape) / forward_flops(result.model, input_shape)
    return dataclasses.replace(
        result, model=small, train_flops=result.train_flops * share, emptied_layers=()
    )


@torch.no_grad()
def smaller(model: nn.Module, masks: Mapping[str, Tensor]) -> nn.Module:
    """Return a dense network of the units that the masks leave; it answers as the masked one."""
    small = copy.deepcopy(model)
    for group in groups(model):
        mask = masks[f"{group.maker}.weight"].flatten(1)
        # A row of a maker that reads from another group has zeros of its own.
        stays = mask.any(1)
        _take_outputs(small.get_submodule(group.maker), stays)
        if group.norm:
            _take_outputs(small.get_submodule(group.norm), stays)
        _take_inputs(small.get_submodule(group.reader), stays.repeat_interleave(group.repeats))
    return small


def _take_outputs(layer: nn.Module, stays: Tensor) -> None:
    for name, parameter in list(layer.named_parameters(recurse=False)):
        setattr(layer, name, nn.Parameter(parameter[stays].clone()))
    for name, buffer in list(layer.named_buffers(recurse=False)):
        if buffer.ndim:
            setattr(layer, name, buffer[stays].clone())
    _declare(layer, ("out_features", "out_channels", "num_features"), int(stays.sum()))


def _take_inputs(layer: nn.Module, stays: Tensor) -> None:
    weight = layer.get_parameter("weight")
    layer.register_parameter("weight", nn.Parameter(weight[:, stays].clone()))
    _declare(layer, ("in_features", "in_channels"), int(stays.sum()))


def _declare(layer: nn.Module, names: tuple[str, ...], number: int) -> None:
    """Let the layer say its new size."""
    for name in names:
        if hasattr(layer, name):
            setattr(layer, name, number)
