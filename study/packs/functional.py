"""Many networks of any one architecture at once, through ``torch.func``.

One module's ``forward`` is mapped over stacked parameters and buffers. That works for most modules,
with three dangers, all of which are refused here rather than risked:

- what the mapped module holds as plain attributes counts for all models, so these must be equal
  (only the probability of dropout may differ: its masks are made per model, outside);
- a ``forward`` that branches on values, or draws from torch's generators, cannot be mapped;
- parameters that get no gradient would decay here, and do not in the reference trainer.

:class:`NotBatchable` says why; the caller then trains one network after the other.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from study.models.dropout import StreamDropout
from study.packs.batches import Batches
from study.packs.loss import pack_loss
from study.packs.packing import is_out_of_memory
from study.packs.parameters import Stack
from study.streams import DropoutStream, keep_scale, threshold
from study.training.settings import TrainJob

AGREEMENT = 1e-4
"""Largest difference, relative to the largest output, between a mapped and a plain forward pass."""


class NotBatchable(Exception):
    """Why networks cannot be trained together."""


class FunctionalProgram:
    """Writes the gradients of all models, given their parameters."""

    def __init__(
        self, jobs: Sequence[TrainJob], parameters: Stack, models: Sequence[nn.Module]
    ) -> None:
        self.batches = Batches(jobs)
        self.loss = pack_loss(jobs, self.batches)
        self._share = 1 / jobs[0].batch_size
        self._base = copy.deepcopy(models[0])
        self._feed = _Masks(jobs, models)
        _feed_from(self._base, self._feed)
        self._bind(parameters)
        if not all(parameter.requires_grad for parameter in models[0].parameters()):
            raise NotBatchable("some parameters are not trained")
        self._check(models, jobs[0].data.x_validation[:8])

    def _bind(self, parameters: Stack) -> None:
        self._parameters = parameters
        self._leaves = {
            name: view.detach().requires_grad_() for name, view in parameters.views.items()
        }
        counts = self.batches.slots
        device = parameters.flat.device
        slot_of = torch.arange(len(counts), device=device)
        self._slot_of = slot_of.repeat_interleave(torch.tensor(counts, device=device))
        self._shared = len(counts) < parameters.n_models

    def bind_gradients(self, gradients: Stack) -> None:
        """Say where gradients are to be written."""
        self._targets = list(gradients.views.values())

    def keep(self, parameters: Stack, rows: Tensor) -> None:
        """Drop all models but ``rows``; ``parameters`` is what is left of them."""
        self.batches.keep(rows.tolist())
        self._feed.keep(rows.tolist())
        self.loss.keep(rows, self.batches.block)
        self._bind(parameters)

    def gradients(self) -> None:
        """Gather the next batch and write the gradients of the mean loss."""
        if self.batches.next():
            self.loss.begin(self.batches.block)
        x = self.batches.x.index_select(0, self._slot_of) if self._shared else self.batches.x
        self._base.train()
        with torch.enable_grad():
            outputs = self._call(self._leaves, self._parameters.buffers, x)
        scaled = (outputs.detach() * self.loss.logit_scale).transpose(1, 2).contiguous()
        self.loss.gradient_(scaled, self.batches.at)
        back = scaled.transpose(1, 2) * self._share
        found = torch.autograd.grad(outputs, list(self._leaves.values()), back, allow_unused=True)
        for target, gradient in zip(self._targets, found, strict=True):
            if gradient is None:
                raise NotBatchable("a parameter gets no gradient")
            target.copy_(gradient)

    def _call(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
        """Outputs (models, examples, outputs); updates buffers in training mode."""
        training = self._base.training
        masks = self._feed.next(x.shape[1]) if training else []

        def one(p: dict[str, Tensor], b: dict[str, Tensor], rows: Tensor, m: list[Tensor]) -> Any:
            self._feed.current = iter(m)
            return functional_call(self._base, (p, b), (rows,))

        try:
            mapped = torch.vmap(one, randomness="error")
            outputs: Tensor = mapped(parameters, buffers, x, masks)
        except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
            if is_out_of_memory(error):
                raise
            raise NotBatchable(str(error).partition("\n")[0]) from error
        if outputs.dim() != 3:
            raise NotBatchable(f"outputs have {outputs.dim() - 1} dimensions, not 2")
        return outputs

    def predict(self, parameters: Stack, x: Tensor) -> Tensor:
        """Outputs for ``x`` (models or 1, examples, ...): (models, outputs, examples)."""
        self._base.eval()
        if len(x) == 1:
            x = x.expand(parameters.n_models, *x.shape[1:])
        return self._call(parameters.views, parameters.buffers, x).transpose(1, 2)

    @torch.no_grad()
    def _check(self, models: Sequence[nn.Module], x: Tensor) -> None:
        """Compare the mapped outputs with each model's own."""
        mapped = self.predict(self._parameters, x.unsqueeze(0)).transpose(1, 2)
        for model, ours in zip(models, mapped, strict=True):
            mode = model.training
            model.eval()
            theirs = model(x)
            model.train(mode)
            largest = float(theirs.abs().max())
            if not float((ours - theirs).abs().max()) <= AGREEMENT * largest + 1e-6:
                raise NotBatchable("the mapped network answers otherwise than the network itself")


class _Masks:
    """Scaled dropout masks of every model, in the order in which the layers run."""

    def __init__(self, jobs: Sequence[TrainJob], models: Sequence[nn.Module]) -> None:
        self._device = jobs[0].data.device
        self._streams = [DropoutStream(job.settings.seed, stage=job.stage) for job in jobs]
        layers = [
            [module for module in model.modules() if isinstance(module, StreamDropout)]
            for model in models
        ]
        self._rates = [[layer.p for layer in own] for own in layers]
        self._shapes = _calls(models[0], jobs[0].data.x_train[:1]) if any(layers) else []
        self.current = iter([torch.empty(0)])

    @property
    def active(self) -> bool:
        """Whether any model drops anything."""
        return any(any(rates) for rates in self._rates)

    def next(self, batch: int) -> list[Tensor]:
        """Masks for one step: per call of a layer, (models, batch, ...)."""
        if not self.active:
            return []
        masks = []
        for layer, shape in self._shapes:
            units = batch * int(np.prod(shape))
            block = np.zeros((len(self._streams), -(-units // 4) * 4), dtype=np.int16)
            below = []
            scale = []
            for row, (stream, rates) in enumerate(zip(self._streams, self._rates, strict=True)):
                p = rates[layer]
                if p:
                    block[row] = stream.words(block.shape[1] // 4).view("<i2")
                below.append(float(threshold(p)))
                scale.append(keep_scale(p))
            draws = torch.from_numpy(block).to(self._device)[:, :units].float()
            kept = draws.ge_(torch.tensor(below, device=self._device).unsqueeze(1))
            kept.mul_(torch.tensor(scale, device=self._device).unsqueeze(1))
            masks.append(kept.view(len(self._streams), batch, *shape))
        return masks

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all models but ``rows``."""
        self._streams = [self._streams[row] for row in rows]
        self._rates = [self._rates[row] for row in rows]


class _FedDropout(nn.Module):
    """Multiplies by the next mask that is handed in."""

    def __init__(self, masks: _Masks) -> None:
        super().__init__()
        self._masks = [masks]  # in a list, so that copies of the module share it

    def forward(self, x: Tensor) -> Tensor:
        """Mask and scale ``x``."""
        masks = self._masks[0]
        return x * next(masks.current) if self.training and masks.active else x


def _feed_from(model: nn.Module, masks: _Masks) -> None:
    """Replace every :class:`StreamDropout` of ``model``."""
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):  # named_children names a module once
            if isinstance(child, StreamDropout):
                setattr(parent, name, _FedDropout(masks))


def _calls(model: nn.Module, x: Tensor) -> list[tuple[int, tuple[int, ...]]]:
    """Which dropout layers run in a forward pass, in order, and their shapes for one example."""
    model = copy.deepcopy(model).train()
    layers = [module for module in model.modules() if isinstance(module, StreamDropout)]
    calls: list[tuple[int, tuple[int, ...]]] = []

    def note(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        index = next(i for i, layer in enumerate(layers) if layer is module)
        calls.append((index, tuple(args[0].shape[1:])))

    for layer in layers:
        layer.p = 0.0
        layer.register_forward_pre_hook(note)
    with torch.no_grad():
        model(torch.cat([x, x]))
    return calls


def signature(model: nn.Module) -> Hashable:
    """What must be equal for networks to be mapped together: all but values and dropout rates."""
    parts: list[Hashable] = []
    internal = vars(nn.Module()).keys() - {"training"}
    for name, module in model.named_modules():
        plain = tuple(
            (key, repr(value))
            for key, value in sorted(vars(module).items())
            if key not in internal and not (isinstance(module, StreamDropout) and key == "p")
        )
        parts.append((name, type(module), plain))
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        parts.append((name, tuple(tensor.shape), tensor.dtype, tensor.requires_grad))
    return tuple(parts)


def values_per_example(model: nn.Module, x: Tensor) -> int:
    """Values that a training step of ``model`` keeps for its backward pass, per example."""
    model = copy.deepcopy(model).train()
    parameters = {id(p) for p in model.parameters()}
    total = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal total
        if id(tensor) not in parameters and tensor.dim() and len(tensor) == len(x):
            total += tensor.numel()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(count, lambda t: t):
        model(x)
    return total // len(x) + x[0].numel()
