"""Dropout whose masks come from the trial's own stream."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from study.streams import DropoutStream, keep_scale, threshold


class StreamDropout(nn.Module):
    """Dropout fed by a :class:`~study.streams.DropoutStream`.

    While the module trains and p > 0, each element of the input is zeroed with probability p
    (rounded to 1/65,536) and the others are scaled by 1 / (1 - p); otherwise the input passes
    unchanged and nothing is drawn. Without a stream, as after training, it draws from torch's
    global generator like ``nn.Dropout``.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.stream: DropoutStream | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Mask and scale ``x``."""
        if not self.training or self.p == 0:
            return x
        if self.stream is None:
            return functional.dropout(x, self.p)
        kept = self.stream.draws(tuple(x.shape)) >= threshold(self.p)
        return x * kept.to(x.dtype).mul_(keep_scale(self.p))

    def extra_repr(self) -> str:
        """Show the probability."""
        return f"p={self.p}"


def attach(model: nn.Module, stream: DropoutStream | None) -> None:
    """Let every :class:`StreamDropout` in ``model`` draw from ``stream``; None detaches it."""
    for module in model.modules():
        if isinstance(module, StreamDropout):
            module.stream = stream


def adopt(model: nn.Module) -> None:
    """Replace, in place, each plain ``nn.Dropout`` inside ``model`` by a :class:`StreamDropout`.

    A module used in several places stays one module. Other kinds of dropout stay as they are.
    """
    swapped: dict[nn.Module, StreamDropout] = {}
    for parent in list(model.modules()):
        # Not named_children(): it names a module that stands in two places only once.
        for name, child in list(parent._modules.items()):
            if type(child) is nn.Dropout:
                setattr(parent, name, swapped.setdefault(child, StreamDropout(child.p)))
