"""Many perceptrons at once: forward and backward passes as batched products, by hand.

======== ==========================================================================
M        models (rows); S slots (see :mod:`study.packs.batches`)
B        examples a batch
X        inputs, (S, B, inputs)
W, b     weights and biases of a layer, (M, outputs, inputs) and (M, outputs)
H        activations of a hidden layer after ReLU and dropout, (M, width, B)
D        B x dloss/d(pre-activations), same shape
======== ==========================================================================

Activations have the batch last: the batch is the long side of every narrow network's matrices, and
it is what the kernels run along. In a step

    H_1 = relu(W_1 X^T + b_1) (* dropout), ..., Z = W_n H_n-1 + b_n
    dW_i = D_i H_i-1^T / B,  db_i = mean(D_i),  D_i-1 = W_i^T D_i * [H_i-1 > 0] (* dropout)

The input needs no gradient. [H > 0] stands for ReLU and dropout mask together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from study.packs.batches import Batches
from study.packs.dropout import PackDropout
from study.packs.loss import pack_loss
from study.packs.parameters import Stack
from study.packs.passes import Passes
from study.packs.slots import slot_slices
from study.training.settings import TrainJob


class MlpProgram:
    """Writes the gradients of all models, given their parameters."""

    def __init__(self, jobs: Sequence[TrainJob], parameters: Stack) -> None:
        settings = [job.settings for job in jobs]
        data = jobs[0].data
        self.depth = settings[0].depth
        self._batch = jobs[0].batch_size
        self._inputs = math.prod(data.input_shape)
        self.batches = Batches(jobs)
        self.loss = pack_loss(jobs, self.batches)
        self._dropout = PackDropout(jobs, self._batch, [[s.width] * self.depth for s in settings])
        self._bind(parameters)

    def _bind(self, parameters: Stack) -> None:
        """Lay out the buffers for the models that are left."""
        views = list(parameters.views.values())
        self._weights, self._biases = views[0::2], [bias.unsqueeze(2) for bias in views[1::2]]
        m, b, device = parameters.n_models, self._batch, parameters.flat.device
        outputs = [weight.shape[1] for weight in self._weights]
        self._hidden = [torch.empty(m, side, b, device=device) for side in outputs[:-1]]
        self._outputs = torch.empty(m, outputs[-1], b, device=device)
        self._back = [torch.empty_like(hidden) for hidden in self._hidden[:2]]
        self._mask = torch.empty_like(self._hidden[0]) if self._dropout.active else None
        self._x = self.batches.x.view(-1, b, self._inputs)
        self._x_across = self._x.transpose(1, 2)
        self._transposed = [weight.transpose(1, 2) for weight in self._weights]
        self._hidden_across = [hidden.transpose(1, 2) for hidden in self._hidden]
        self._shared = len(self.batches.slots) < m
        self._models_of_slot = list(slot_slices(self.batches.slots)) if self._shared else []
        first = self._hidden[0] if self._hidden else self._outputs
        # Per slot: the first layer's weights and outputs of all its models, as wide matrices.
        self._wide = [
            (self._weights[0][models].view(-1, self._inputs), first[models].view(-1, b))
            for models in self._models_of_slot
        ]

    def bind_gradients(self, gradients: Stack) -> None:
        """Say where gradients are to be written."""
        views = list(gradients.views.values())
        self._weight_gradients, self._bias_gradients = views[0::2], views[1::2]
        if self._models_of_slot:
            back = self._back[-1] if self.depth else self._outputs  # where D_1 will be
            self._wide_gradients = [
                (back[models].view(-1, self._batch), views[0][models].view(-1, self._inputs))
                for models in self._models_of_slot
            ]

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
        self._forward()
        self.loss.gradient_(self._outputs, self.batches.at)
        self._backward()

    def _forward(self) -> None:
        hidden, scale = self._hidden, self.loss.logit_scale
        for layer in range(self.depth + 1):
            last = layer == self.depth
            out = self._outputs if last else hidden[layer]
            factor = scale if last else 1.0
            if layer == 0 and self._wide:
                self._first_layer(out, factor)
            else:
                torch.baddbmm(
                    self._biases[layer],
                    self._weights[layer],
                    hidden[layer - 1] if layer else self._x_across,
                    beta=factor,
                    alpha=factor,
                    out=out,
                )
            if last:
                return
            out.relu_()
            if self._mask is not None:
                out.mul_(self._dropout.kept(layer, self._mask)).mul_(self._dropout.scale)

    def _first_layer(self, out: Tensor, factor: float) -> None:
        """Multiply each slot's batch by the weights of all its models as one wide matrix."""
        for slot, (weight, wide) in enumerate(self._wide):
            torch.mm(weight, self._x_across[slot], out=wide)
        out.add_(self._biases[0])
        if factor != 1:
            out.mul_(factor)

    def _backward(self) -> None:
        gradient, batch = self._outputs, self._batch
        for layer in range(self.depth, -1, -1):
            torch.mean(gradient, 2, out=self._bias_gradients[layer])
            target = self._weight_gradients[layer]
            if layer == 0 and self._shared:
                for slot, (back, wide) in enumerate(self._wide_gradients):
                    torch.addmm(wide, back, self._x[slot], beta=0, alpha=1 / batch, out=wide)
                return
            inputs = self._hidden_across[layer - 1] if layer else self._x
            torch.baddbmm(target, gradient, inputs, beta=0, alpha=1 / batch, out=target)
            if layer == 0:
                return
            below = self._back[layer % 2 if self.depth > 1 else 0]
            torch.bmm(self._transposed[layer], gradient, out=below)
            torch.ops.aten.threshold_backward.grad_input(
                below, self._hidden[layer - 1], 0, grad_input=below
            )
            if self._mask is not None:
                below.mul_(self._dropout.scale)
            gradient = below

    def predict(self, parameters: Stack, x: Tensor) -> Tensor:
        """Outputs for ``x`` (models or 1, examples, inputs): (models, outputs, examples)."""
        views = list(parameters.views.values())
        h = x.flatten(2).transpose(1, 2).expand(parameters.n_models, -1, -1)
        for layer in range(self.depth + 1):
            h = torch.baddbmm(views[2 * layer + 1].unsqueeze(2), views[2 * layer], h)
            if layer < self.depth:
                h = h.relu_()
        return h


def values_per_example(job: TrainJob, width: int, share: float) -> int:
    """Values that a step writes per example; ``share`` of the inputs are the model's own."""
    inputs = math.ceil(math.prod(job.data.input_shape) * share)
    return inputs + 2 * width * max(job.settings.depth, 1)


PASSES = Passes(program=MlpProgram, values_per_example=values_per_example, always_faster=True)
