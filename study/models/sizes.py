"""How big a network is, by every measure the project reports.

One MAC (multiply-accumulate) is two FLOPs. Counted are matrix products and convolutions, as
``torch.utils.flop_counter`` counts them: no biases, activations or normalisation.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from study.models.dropout import StreamDropout
from study.models.weights import weights_of

WITHOUT_PRODUCTS = (nn.Flatten, nn.ReLU, nn.Dropout, nn.Identity, StreamDropout)
"""Modules that multiply no matrices."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes of one network, for one example."""

    n_parameters: int
    """Trainable or not, biases included, zero or not; shared parameters once."""
    n_nonzero: int
    """Parameters that aren't exactly zero."""
    n_weights: int
    """Parameters that pruning may remove (see :func:`study.models.weights.weights_of`)."""
    macs_per_example: int
    """Multiply-accumulates of a dense forward pass."""
    flops_per_example: int
    """Twice ``macs_per_example``."""
    model_bytes: int
    """Parameters and buffers, stored dense in their own types."""
    sparse_bytes: int
    """The same with each tensor stored in whatever takes least of three: dense; a bit a value to
    say where it is not zero, then those values; or those values, each with its column (2 or 4
    bytes), and 4 bytes a row for where it begins (compressed sparse rows)."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Wall time of forward passes, in seconds, for one batch."""

    median_seconds: float
    p95_seconds: float
    """95th percentile."""


def measure(model: nn.Module, input_shape: tuple[int, ...], *, flops: int | None = None) -> Sizes:
    """Count everything about ``model`` for one example of shape ``input_shape``.

    ``flops`` are those of a forward pass, where they are known; else one is run in evaluation mode,
    on the device the model is on, and the model is left as it was.
    """
    parameters = list(model.parameters())
    tensors = [*parameters, *model.buffers()]
    flops = forward_flops(model, input_shape) if flops is None else flops
    return Sizes(
        n_parameters=sum(p.numel() for p in parameters),
        n_nonzero=sum(int(torch.count_nonzero(p)) for p in parameters),
        n_weights=sum(w.numel() for w in weights_of(model).values()),
        macs_per_example=flops // 2,
        flops_per_example=flops,
        model_bytes=sum(t.numel() * t.element_size() for t in tensors),
        sparse_bytes=sum(_sparse_bytes(t) for t in tensors),
    )


def _sparse_bytes(tensor: Tensor) -> int:
    """Bytes of one tensor, stored in the form that takes least."""
    dense = tensor.numel() * tensor.element_size()
    if tensor.ndim < 2:
        return dense
    values = int(torch.count_nonzero(tensor))
    bitmap = -(-tensor.numel() // 8) + values * tensor.element_size()
    index = 2 if tensor[0].numel() <= 2**16 else 4
    rows = values * (tensor.element_size() + index) + 4 * (len(tensor) + 1)
    return min(dense, bitmap, rows)


def forward_flops(model: nn.Module, input_shape: tuple[int, ...]) -> int:
    """FLOPs of the forward pass of one example, by torch's own counter.

    A chain of linear layers is counted from their shapes: the counter gives the same (tested), but
    takes a second to import, as it brings a computer algebra system with it.
    """
    if _is_linear_chain(model, input_shape):
        return sum(2 * m.weight.numel() for m in model.modules() if isinstance(m, nn.Linear))
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with _evaluating(model), counter:
        model(_example(model, 1, input_shape))
    return int(counter.get_total_flops())


def _is_linear_chain(model: nn.Module, input_shape: tuple[int, ...]) -> bool:
    """Tell whether each linear layer is used once on the flat example, and nothing else counts."""
    if type(model) is not nn.Sequential:
        return False
    layers = list(model)
    first = layers[0] if layers else None
    whole = type(first) is nn.Flatten and (first.start_dim, first.end_dim) == (1, -1)
    flat = len(input_shape) == 1 or whole
    known = (nn.Linear, *WITHOUT_PRODUCTS)
    return flat and len(set(layers)) == len(layers) and all(type(one) in known for one in layers)


def measure_latency(
    model: nn.Module, input_shape: tuple[int, ...], *, batch_size: int = 1, repeats: int = 50
) -> Latency:
    """Time ``repeats`` forward passes, after a fifth as many to warm up.

    Timings depend on the machine and on what else runs on it: compare only those taken together.
    """
    batch = _example(model, batch_size, input_shape)
    seconds: list[float] = []
    with _evaluating(model):
        for _ in range(repeats // 5 + 1):
            model(batch)
        for _ in range(repeats):
            _wait(batch.device)
            started = time.perf_counter()
            model(batch)
            _wait(batch.device)
            seconds.append(time.perf_counter() - started)
    return Latency(
        median_seconds=statistics.median(seconds),
        p95_seconds=statistics.quantiles(seconds, n=20)[-1] if repeats > 1 else seconds[0],
    )


@contextlib.contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients inside; each module's own mode again afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def _example(model: nn.Module, batch_size: int, input_shape: tuple[int, ...]) -> Tensor:
    device = next((t.device for t in model.parameters()), torch.device("cpu"))
    return torch.zeros(batch_size, *input_shape, device=device)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
