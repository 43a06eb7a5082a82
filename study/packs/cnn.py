"""Many plain convolutional networks at once, with the batch as the innermost dimension.

======== ===========================================================================
M        models; S slots (see :mod:`study.packs.batches`); B examples a batch
X        inputs of a layer, zero-padded: (M, channels, height, width, B); S for the first layer
U        unfolded inputs, (M, channels x kernel, height x width x B)
W, b     kernels (M, outputs, channels x kernel), biases (M, outputs)
A        W U, (M, outputs, height, width, B)
P        A's largest value in each 2 x 2 window
H        relu(P + b) (* dropout), written into the padded X of the layer above
======== ===========================================================================

With the batch innermost, each value of a kernel is a shift by whole rows of B values: unfolding is
a few large copies, pooling a few vectorised comparisons, and each convolution one matrix product
with long rows, near the machine's peak even for eight channels. The usual layouts have the few
channels or the short image rows innermost instead.

Bias and ReLU come after pooling, on a quarter of the values: both are monotone, so they commute
with the maximum. Where several values of a window are the largest, as everywhere on an image's
blank background, the gradient goes to the first of them, as in torch.

Signals are images of height 1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from study.models.cnn import KERNEL, SMALLEST_SIDE
from study.models.images import grid_of
from study.packs.batches import Batches
from study.packs.dropout import PackDropout
from study.packs.loss import pack_loss
from study.packs.parameters import Stack
from study.packs.passes import Passes
from study.packs.slots import slot_slices
from study.training.settings import TrainJob


@dataclass(frozen=True)
class Layer:
    """Shapes of one convolution and what follows it."""

    channels: int
    outputs: int
    sides: tuple[int, int]
    kernel: tuple[int, int]
    window: tuple[int, int]
    """Pooling window; (1, 1) for none."""

    @property
    def pooled(self) -> tuple[int, int]:
        """Sides after pooling."""
        return self.sides[0] // self.window[0], self.sides[1] // self.window[1]

    @property
    def padding(self) -> tuple[int, int]:
        """Zeros on each side."""
        return self.kernel[0] // 2, self.kernel[1] // 2

    @property
    def fan_in(self) -> int:
        """Values that one output sees."""
        return self.channels * math.prod(self.kernel)

    @property
    def units(self) -> int:
        """Activations that the layer hands on, per example."""
        return self.outputs * math.prod(self.pooled)


def layers_of(width: int, depth: int, input_shape: tuple[int, ...]) -> list[Layer]:
    """Return the convolutions that :func:`study.models.cnn.build` makes."""
    grid = grid_of(input_shape, "cnn")
    dimensions = len(grid.sides)
    k = KERNEL[dimensions]
    flat = dimensions == 1
    kernel = (1, k) if flat else (k, k)
    sides = (1, grid.sides[0]) if flat else (grid.sides[0], grid.sides[1])
    channels, outputs = grid.channels, width
    layers = []
    for _ in range(depth):
        halved = min(sides[1:] if flat else sides) >= SMALLEST_SIDE
        window = ((1, 2) if flat else (2, 2)) if halved else (1, 1)
        layer = Layer(channels, outputs, sides, kernel, window)
        layers.append(layer)
        channels, sides = outputs, layer.pooled
        outputs *= 2 if halved else 1
    return layers


class Buffers:
    """Scratch of one layer for ``n`` models (``n_inputs`` of them with inputs of their own)."""

    def __init__(
        self, layer: Layer, n: int, n_inputs: int, batch: int, device: torch.device
    ) -> None:
        self._layer = layer
        (high, wide), (up, left) = layer.sides, layer.padding
        shape = (n_inputs, layer.channels, high + 2 * up, wide + 2 * left, batch)
        self.padded = torch.zeros(shape, device=device)
        self.inputs = self.padded[:, :, up : up + high, left : left + wide]
        """The padded buffer without its rim: where the inputs are written."""
        model, channel, row, column, _ = self.padded.stride()
        self._shifted = self.padded.as_strided(
            (n_inputs, layer.channels, *layer.kernel, high, wide, batch),
            (model, channel, row, column, row, column, 1),
        )
        self.unfolded = torch.empty(n_inputs, layer.fan_in, high * wide * batch, device=device)
        self._unfolded_as = self.unfolded.view(self._shifted.shape)
        single = n_inputs == 1
        self.columns = self.unfolded.expand(n, -1, -1) if single else self.unfolded
        """``unfolded``, for each model; what slots of several models share is left as it is."""
        self.outputs = torch.empty(n, layer.outputs, high, wide, batch, device=device)
        self.flat = self.outputs.view(n, layer.outputs, -1)
        self.across = self.flat.transpose(1, 2)
        rows, columns = layer.window
        pooled_high, pooled_wide = layer.pooled
        self.places = [
            self.outputs[:, :, i : pooled_high * rows : rows, j : pooled_wide * columns : columns]
            for i, j in itertools.product(range(rows), range(columns))
        ]
        """The values at each place of the pooling windows."""
        self.rims = [
            rim
            for rim in (
                self.outputs[:, :, pooled_high * rows :],
                self.outputs[:, :, :, pooled_wide * columns :],
            )
            if rim.numel()
        ]
        """What no window covers."""
        shape = (n, layer.outputs, pooled_high, pooled_wide, batch)
        self.pooled = torch.empty(shape, device=device) if len(self.places) > 1 else self.outputs
        self.other = torch.empty(shape, device=device) if len(self.places) > 2 else None
        self._folds: list[tuple[Tensor, Tensor]] = []

    def unfold(self) -> None:
        """Lay the inputs out as columns."""
        self._unfolded_as.copy_(self._shifted)

    def pool(self) -> None:
        """Write the largest value of each window."""
        if len(self.places) == 1:
            return
        torch.maximum(self.places[0], self.places[1], out=self.pooled)
        if self.other is not None:
            torch.maximum(self.places[2], self.places[3], out=self.other)
            torch.maximum(self.pooled, self.other, out=self.pooled)

    def unpool_(self, gradient: Tensor) -> None:
        """Turn outputs into their gradients: each window's goes to its first largest value.

        The gradient is used up.
        """
        if len(self.places) == 1:
            self.outputs.copy_(gradient)
            return
        for place in self.places[:-1]:
            place.eq_(self.pooled).mul_(gradient)
            gradient.sub_(place)
        self.places[-1].copy_(gradient)
        for rim in self.rims:
            rim.zero_()

    def fold_into(self, out: Tensor) -> None:
        """Say where :meth:`fold` writes: (n_inputs, channels, *sides, batch)."""
        self._folds = [
            (
                self._unfolded_as[:, :, i, j, source[0], source[1]],
                out[:, :, target[0], target[1]],
            )
            for (i, j), source, target in _shifts(self._layer)
        ]

    def fold(self) -> None:
        """Sum the columns of ``unfolded``, now gradients, into the inputs they came from."""
        (middle, out), *rest = self._folds
        out.copy_(middle)
        for piece, target in rest:
            target.add_(piece)


def _shifts(
    layer: Layer,
) -> list[tuple[tuple[int, int], tuple[slice, slice], tuple[slice, slice]]]:
    """Per kernel value: it, the outputs it serves, the inputs they see; the unshifted one first."""
    shifts = []
    middle = layer.padding
    for i, j in itertools.product(range(layer.kernel[0]), range(layer.kernel[1])):
        source, target = [], []
        for shift, side in zip((i - middle[0], j - middle[1]), layer.sides, strict=True):
            source.append(slice(max(0, -shift), side - max(0, shift)))
            target.append(slice(max(0, shift), side - max(0, -shift)))
        shifts.append(((i, j), (source[0], source[1]), (target[0], target[1])))
    return sorted(shifts, key=lambda entry: entry[0] != middle)


class CnnProgram:
    """Writes the gradients of all models, given their parameters."""

    def __init__(self, jobs: Sequence[TrainJob], parameters: Stack) -> None:
        settings = jobs[0].settings
        self._layers = layers_of(settings.width, settings.depth, jobs[0].data.input_shape)
        self._batch = jobs[0].batch_size
        self.batches = Batches(jobs)
        self.loss = pack_loss(jobs, self.batches)
        units = [layer.units for layer in self._layers]
        self._dropout = PackDropout(jobs, self._batch, [units] * len(jobs))
        self._scratch: dict[tuple[int, int, int], list[Buffers]] = {}
        self._bind(parameters)

    def _bind(self, parameters: Stack) -> None:
        m, b, device = parameters.n_models, self._batch, parameters.flat.device
        self._parameters = parameters
        self._n_outputs = parameters.layout.shapes[-1][0]
        self._scratch.clear()
        slots = len(self.batches.slots)
        self._buffers = self._buffers_for(m, slots, b, device)
        self._shared = list(enumerate(slot_slices(self.batches.slots))) if slots < m else []
        self._outputs = torch.empty(m, self._n_outputs, b, device=device)
        last = self._layers[-1]
        self._features = torch.empty(m, last.units, b, device=device)
        units = max(layer.units for layer in self._layers)
        self._mask = torch.empty(m * units * b, device=device) if self._dropout.active else None
        self._back = [
            torch.empty(m, layer.outputs, *layer.pooled, b, device=device) for layer in self._layers
        ]
        for here, back in zip(self._buffers[1:], self._back, strict=False):
            here.fold_into(back)
        self._weights, self._biases = _as_matrices(parameters)
        self._weights_across = [weight.transpose(1, 2) for weight in self._weights]
        self._unfolded_static = False

    def _buffers_for(
        self, n: int, n_inputs: int, batch: int, device: torch.device
    ) -> list[Buffers]:
        key = (n, n_inputs, batch)
        if key not in self._scratch:
            self._scratch[key] = [
                Buffers(layer, n, n if index else n_inputs, batch, device)
                for index, layer in enumerate(self._layers)
            ]
        return self._scratch[key]

    def bind_gradients(self, gradients: Stack) -> None:
        """Say where gradients are to be written."""
        self._weight_gradients, biases = _as_matrices(gradients)
        self._bias_gradients = [bias.flatten(1) for bias in biases]
        self._gradients_across = [weight.transpose(1, 2) for weight in self._weight_gradients]

    def keep(self, parameters: Stack, rows: Tensor) -> None:
        """Drop all models but ``rows``; ``parameters`` is what is left of them."""
        self.batches.keep(rows.tolist())
        self._dropout.keep(rows)
        self.loss.keep(rows, self.batches.block)
        self._bind(parameters)

    def gradients(self) -> None:
        """Gather the next batch and write the gradients of the mean loss."""
        if self.batches.next():
            self.loss.begin(self.batches.block)
        self._dropout.next()
        first = self._buffers[0]
        if not (self.batches.static and self._unfolded_static):
            self._enter(first, self.batches.x)
            first.unfold()
            self._unfolded_static = True
        weights, biases = self._weights, self._biases
        self._forward(weights, biases, self._buffers, self._features, self._shared, self._mask)
        scale = self.loss.logit_scale
        torch.baddbmm(
            biases[-1],
            weights[-1],
            self._features,
            beta=scale,
            alpha=scale,
            out=self._outputs,
        )
        self.loss.gradient_(self._outputs, self.batches.at)
        self._backward()

    def _enter(self, first: Buffers, x: Tensor) -> None:
        """Write a batch (slots, examples, ...) into the first layer's inputs."""
        slots, channels, high, wide, examples = first.inputs.shape
        if channels == 1:
            grid = x.reshape(slots, examples, channels, high, wide)
            first.inputs.copy_(grid.permute(0, 2, 3, 4, 1))
            return
        # Several channels: matrices are transposed by blocks, four times as fast as grids.
        turned = x.new_empty(slots, channels * high * wide, examples)
        for target, source in zip(turned, x.reshape(slots, examples, -1), strict=True):
            target.copy_(source.t())
        first.inputs.copy_(turned.view(first.inputs.shape))

    def _forward(
        self,
        weights: Sequence[Tensor],
        biases: Sequence[Tensor],
        buffers: Sequence[Buffers],
        features: Tensor,
        shared: Sequence[tuple[int, slice]],
        mask: Tensor | None,
    ) -> None:
        """Fill the buffers, from the unfolded inputs of the first layer to the features."""
        for index, (layer, here) in enumerate(zip(self._layers, buffers, strict=True)):
            weight = weights[index]
            if index:
                here.unfold()
            if index == 0 and shared:
                for slot, models in shared:
                    wide = weight[models].view(-1, layer.fan_in)
                    out = here.flat[models].view(wide.shape[0], -1)
                    torch.mm(wide, here.unfolded[slot], out=out)
            else:
                torch.bmm(weight, here.columns, out=here.flat)
            here.pool()
            above = (
                buffers[index + 1].inputs
                if index + 1 < len(buffers)
                else features.view(here.pooled.shape)
            )
            torch.add(here.pooled, biases[index], out=above)
            above.relu_()
            if mask is not None:
                flat = mask[: above.numel()].view(len(weight), layer.units, -1)
                kept = self._dropout.kept(index, flat).mul_(self._dropout.scale)
                above.mul_(kept.view(above.shape))

    def _backward(self) -> None:
        share = 1 / self._batch
        outputs = self._outputs
        torch.mean(outputs, 2, out=self._bias_gradients[-1])
        target = self._weight_gradients[-1]
        across = self._features.transpose(1, 2)
        torch.baddbmm(target, outputs, across, beta=0, alpha=share, out=target)
        gradient = self._back[-1]
        flat = gradient.view(self._features.shape)
        torch.bmm(self._weights_across[-1], outputs, out=flat)
        activations = self._features.view(gradient.shape)
        for index in range(len(self._layers) - 1, -1, -1):
            here, bias = self._buffers[index], self._bias_gradients[index]
            torch.ops.aten.threshold_backward.grad_input(
                gradient, activations, 0, grad_input=gradient
            )
            if self._mask is not None:
                gradient.mul_(self._dropout.scale.view(-1, 1, 1, 1, 1))
            torch.sum(gradient.view(*bias.shape, -1), 2, out=bias)
            bias.mul_(share)
            here.unpool_(gradient)
            self._weight_gradient(index, here)
            if index == 0:
                return
            torch.bmm(self._weights_across[index], here.flat, out=here.unfolded)
            gradient, activations = self._back[index - 1], here.inputs
            here.fold()

    def _weight_gradient(self, index: int, here: Buffers) -> None:
        share = 1 / self._batch
        if index == 0 and self._shared:
            target = self._weight_gradients[index]
            for slot, models in self._shared:
                wide = target[models].view(-1, target.shape[2])
                columns = here.unfolded[slot].transpose(0, 1)
                torch.mm(here.flat[models].view(len(wide), -1), columns, out=wide)
            target.mul_(share)
            return
        # As (fan-in, outputs): up to twice as fast here as its transpose.
        target = self._gradients_across[index]
        torch.baddbmm(target, here.columns, here.across, beta=0, alpha=share, out=target)

    def predict(self, parameters: Stack, x: Tensor) -> Tensor:
        """Outputs for ``x`` (models or 1, examples, ...): (models, outputs, examples)."""
        weights, biases = _as_matrices(parameters)
        n, device = parameters.n_models, parameters.flat.device
        pieces = []
        for piece in torch.split(x, self._batch, dim=1):
            slots, examples = piece.shape[:2]
            buffers = self._buffers_for(n, slots, examples, device)
            self._enter(buffers[0], piece)
            buffers[0].unfold()
            shared = [(0, slice(0, n))] if slots < n else []
            features = torch.empty(n, self._layers[-1].units, examples, device=device)
            self._forward(weights, biases, buffers, features, shared, None)
            pieces.append(torch.baddbmm(biases[-1], weights[-1], features))
        if len(self._scratch) > 4:
            self._scratch.clear()
        self._unfolded_static = False
        return torch.cat(pieces, dim=2)


def _as_matrices(stack: Stack) -> tuple[list[Tensor], list[Tensor]]:
    """Weights as (models, outputs, inputs), biases to be added to outputs, layer by layer."""
    views = list(stack.views.values())
    head = views[-1].unsqueeze(2)
    biases = [bias.view(*bias.shape, 1, 1, 1) for bias in views[1:-1:2]]
    return [view.flatten(2) for view in views[0::2]], [*biases, head]


def _told(job: TrainJob) -> list[tuple[int, ...]]:
    """Tell the kernels the shapes of each layer."""
    return [
        (layer.channels, layer.outputs, *layer.sides, *layer.kernel, *layer.window)
        for layer in layers_of(job.settings.width, job.settings.depth, job.data.input_shape)
    ]


def values_per_example(job: TrainJob, width: int, share: float) -> int:
    """Values that a step writes per example; ``share`` of the inputs are the model's own."""
    values = 0.0
    for layer in layers_of(width, job.settings.depth, job.data.input_shape):
        pixels = math.prod(layer.sides)
        own = share if not values else 1.0
        values += own * pixels * (layer.channels + layer.fan_in)
        values += layer.outputs * pixels + 3 * layer.units
    return math.ceil(values)


PASSES = Passes(program=CnnProgram, values_per_example=values_per_example, layers=_told)
