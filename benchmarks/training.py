"""How fast many networks train: the fused trainer beside a DataLoader loop and a tensor loop.

    python -m benchmarks.training                # everything, some ten minutes
    python -m benchmarks.training --only mlp-64  # one group; --rounds 3 is quicker

Three ways to take the same optimiser steps on the same data and networks, per network and step:

loader
    The loop of PyTorch's tutorials: a shuffling ``DataLoader`` over a ``TensorDataset``,
    ``torch.optim.AdamW`` as it comes.
tensor
    The reference trainer (``study.training.reference``): batches by index from a tensor, fused
    AdamW.
fused
    ``study.packs.fused``: packs of as many networks at once as it chooses itself.

The three take turns, and what is compared is the median of the ratios of each turn: on a shared
machine speeds drift, together. Seconds are CPU seconds of this process on one thread, which on an
idle machine are wall seconds. The matrix product that gives the machine's peak (1024 x 1024,
float32) is timed in each turn too. GFLOP/s count the multiplications and additions that training
needs: per weight and example 2 forward and 4 backward, but 2 backward in the first layer, whose
inputs need no gradient.

Whole trainings (``digits``) include building networks, drawing batches, evaluating and scoring.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from study.models.registry import build_model
from study.models.sizes import forward_flops
from study.packs.fused import train_pack
from study.packs.trainer import MappedTrainer, Trainer
from study.packs.written import WRITTEN
from study.training.reference import train, train_model
from study.training.settings import TrainJob, TrainSettings
from study.training.tensors import TensorSplit

EXAMPLES = 2560
PACK = 32
SECONDS_A_TURN = 0.4
"""Each way takes about so long per turn."""


def main() -> None:
    """Run the groups asked for and print their tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=[*GROUPS], help="groups to run; all if none")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each way (default 7)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    header(options.rounds)
    for name in options.only or GROUPS:
        print(f"\n{name}: {GROUPS[name][0]}", flush=True)
        GROUPS[name][1](options.rounds)


def header(rounds: int) -> None:
    """Say what ran where."""
    names = {"model name": "", "cache size": ""}
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else []:
        key, _, value = line.partition(":")
        if key.strip() in names:
            names[key.strip()] = value.strip()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    cpu = names["model name"] or platform.processor() or platform.machine()
    print(f"# {' '.join(['python', *sys.argv])}")
    print(f"# {cpu}, {os.cpu_count()} cores seen, {torch.get_num_threads()} thread used")
    print(
        f"# Python {platform.python_version()}, torch {version('torch')}, "
        f"{'MKL' if torch.backends.mkl.is_available() else 'no MKL'}, {platform.system()}"
    )
    print(f"# {rounds} rounds; load average at the start {load:.1f}")


def peak_gflops() -> float:
    """Best of some 1024 x 1024 x 1024 products."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    out = torch.empty(1024, 1024)
    seconds = []
    for _ in range(4):
        started = time.process_time()
        torch.mm(a, b, out=out)
        seconds.append(time.process_time() - started)
    return 2 * 1024**3 / min(seconds) / 1e9


def random_data(shape: tuple[int, ...], n_outputs: int = 10) -> TensorSplit:
    """Normal inputs with random labels: speed does not depend on them."""
    generator = torch.Generator().manual_seed(0)

    def draw(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.randn(n, *shape, generator=generator)
        return x, torch.randint(0, n_outputs, (n,), generator=generator)

    (a, b), (c, d), (e, f) = draw(EXAMPLES), draw(100), draw(100)
    return TensorSplit(
        x_train=a,
        y_train=b,
        x_validation=c,
        y_validation=d,
        x_test=e,
        y_test=f,
        task="classification",
        n_outputs=n_outputs,
        target_scale=1.0,
    )


def loader_steps(model: nn.Module, settings: TrainSettings, data: TensorSplit) -> Iterator[None]:
    """Take one step of the tutorials' loop each time."""
    loader = DataLoader(
        TensorDataset(data.x_train, data.y_train),
        batch_size=settings.batch_size,
        shuffle=True,
        drop_last=True,
    )
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    model.train()
    while True:
        for x, y in loader:
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            yield


def seconds_of(action: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    started = time.process_time()
    action()
    return time.process_time() - started


@dataclasses.dataclass
class Ways:
    """The ways to take steps with one kind of network, each ready to go on."""

    settings: TrainSettings
    data: TensorSplit

    def __post_init__(self) -> None:
        """Build the networks."""
        self._loader = loader_steps(self._build(), self.settings, self.data)
        jobs = [
            TrainJob(settings=dataclasses.replace(self.settings, seed=seed), data=self.data)
            for seed in range(PACK)
        ]
        trainer = (Trainer if self.settings.family in WRITTEN else MappedTrainer)(jobs)
        self.size = trainer.size() or 1  # 0: it would leave them to the reference trainer
        self._run, _ = trainer.start(jobs[: self.size])
        model = self._build()
        first = next(m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d))
        flops = 3 * forward_flops(model, self.data.input_shape)
        counted = nn.Sequential(nn.Flatten(), first) if isinstance(first, nn.Linear) else first
        flops -= forward_flops(counted, self.data.input_shape)
        self.flops_of_step = flops * self.settings.batch_size

    def _build(self) -> nn.Module:
        settings = self.settings
        return build_model(
            settings.family,
            width=settings.width,
            depth=settings.depth,
            dropout=settings.dropout,
            input_shape=self.data.input_shape,
            n_outputs=self.data.n_outputs,
            seed=0,
        )

    def loader(self, n: int) -> float:
        """CPU seconds per step."""
        return seconds_of(lambda: [next(self._loader) for _ in range(n)]) / n

    def tensor(self, n: int) -> float:
        """CPU seconds per step."""
        model = self._build()
        settings = dataclasses.replace(self.settings, steps=n, evaluate_every=n, select="last")
        job = TrainJob(settings=settings, data=self.data)
        nothing = TrainJob(settings=dataclasses.replace(self.settings, steps=0), data=self.data)
        idle = seconds_of(lambda: train_model(self._build(), nothing))
        return max(seconds_of(lambda: train_model(model, job)) - idle, 1e-9) / n

    def fused(self, n: int) -> float:
        """CPU seconds per step and network."""
        return self._run.advance(n) / n / self.size


def compare(rounds: int, settings: TrainSettings, data: TensorSplit, label: str) -> None:
    """Print one row."""
    ways = Ways(settings, data)
    actions = {"loader": ways.loader, "tensor": ways.tensor, "fused": ways.fused}
    counts: dict[str, int] = {}
    loader = 0.0
    for name, action in actions.items():
        action(2)
        each = action(2) * (ways.size if name == "fused" else 1)
        if name == "tensor":  # a difference of two times: in the noise it may be next to nothing
            each = max(each, loader / 10)
        elif name == "loader":
            loader = each
        counts[name] = max(2, min(2000, round(SECONDS_A_TURN / each)))
    taken: dict[str, list[float]] = {name: [] for name in actions}
    peaks = []
    for _ in range(rounds):
        peaks.append(peak_gflops())
        for name, action in actions.items():
            taken[name].append(action(counts[name]))
    middle = {name: statistics.median(values) for name, values in taken.items()}
    fused = taken["fused"]
    rate = [ways.flops_of_step / seconds / 1e9 for seconds in fused]
    share = statistics.median(r / p for r, p in zip(rate, peaks, strict=True))
    over = {
        name: statistics.median(a / b for a, b in zip(taken[name], fused, strict=True))
        for name in ("loader", "tensor")
    }
    print(
        f"{label:>16} {ways.size:>5}"
        + "".join(f"{middle[name] * 1e6:>10.1f}" for name in actions)
        + f"{over['loader']:>9.1f}x{over['tensor']:>8.1f}x"
        + f"{statistics.median(rate):>9.1f}{statistics.median(peaks):>7.1f}{share:>7.0%}",
        flush=True,
    )


HEAD = (
    f"{'network':>16} {'pack':>5}{'loader':>10}{'tensor':>10}{'fused':>10}"
    f"{'/loader':>10}{'/tensor':>9}{'GFLOP/s':>9}{'peak':>7}{'share':>7}"
)


def perceptrons(inputs: int) -> Callable[[int], None]:
    """Return the group of perceptrons of one hidden layer on ``inputs`` values."""

    def run(rounds: int) -> None:
        data = random_data((inputs,))
        print(HEAD)
        for width in (4, 8, 16, 32, 64, 128, 256, 512):
            settings = TrainSettings(
                family="mlp", width=width, depth=1, batch_size=128, weight_decay=0.01
            )
            compare(rounds, settings, data, f"{inputs}-{width}-10")

    return run


def images(
    family: str, shapes: tuple[tuple[int, ...], ...], widths: tuple[int, ...]
) -> Callable[[int], None]:
    """Return a group of image networks, of depth 1 to 3 for ``cnn`` and 1 for others."""

    def run(rounds: int) -> None:
        print(HEAD)
        for shape in shapes:
            data = random_data(shape)
            for width in widths:
                for depth in (1, 2, 3) if family == "cnn" else (1,):
                    settings = TrainSettings(
                        family=family, width=width, depth=depth, batch_size=64, weight_decay=0.01
                    )
                    sides = "x".join(map(str, shape))
                    compare(rounds, settings, data, f"{sides} w{width} d{depth}")

    return run


def train_each(jobs: list[TrainJob]) -> None:
    """Train one after the other, by the reference trainer."""
    for job in jobs:
        train(job)


def digits(rounds: int) -> None:
    """Whole trainings of a study of digits: every width at every dataset size."""
    from study.data.registry import load_dataset
    from study.data.source import DataSource
    from study.data.subsets import draw_split
    from study.spec.sections import TrainingSection

    training = TrainingSection()
    dataset = load_dataset(DataSource(), base=Path())
    sizes = (80, 160, 320, 640, 1280)
    datas = {n: TensorSplit.from_split(draw_split(dataset, n, 0, 0)) for n in sizes}
    print(f"{'width':>6}{'trials':>8}{'tensor ms':>11}{'fused ms':>10}{'ratio':>8}  (per trial)")
    for width in (2, 4, 8, 16, 32, 64, 128, 256):
        jobs = []
        for n, data in datas.items():
            steps = training.steps(n)
            base = TrainSettings(
                family="mlp",
                width=width,
                depth=1,
                batch_size=training.batch_size,
                steps=steps,
                evaluate_every=max(1, steps // training.evaluations),
            )
            for seed in range(8):
                rate, p = 0.003 * 1.3**seed, 0.05 * seed
                one = dataclasses.replace(
                    base, seed=seed, learning_rate=rate, dropout=p, weight_decay=0.01
                )
                jobs.append(TrainJob(settings=one, data=data))
        train_pack(jobs)
        some = jobs[3::8]
        fused, tensor = [], []
        for _ in range(max(1, rounds // 2)):
            fused.append(seconds_of(partial(train_pack, jobs)) / len(jobs))
            tensor.append(seconds_of(partial(train_each, some)) / len(some))
        ratio = statistics.median(a / b for a, b in zip(tensor, fused, strict=True))
        print(
            f"{width:>6}{len(jobs):>8}{statistics.median(tensor) * 1e3:>11.1f}"
            f"{statistics.median(fused) * 1e3:>10.2f}{ratio:>7.1f}x",
            flush=True,
        )


GROUPS: dict[str, tuple[str, Callable[[int], None]]] = {
    "mlp-64": ("perceptrons, batch 128; microseconds per network and step", perceptrons(64)),
    "mlp-40": ("perceptrons, batch 128; microseconds per network and step", perceptrons(40)),
    "mlp-784": ("perceptrons, batch 128; microseconds per network and step", perceptrons(784)),
    "cnn": (
        "plain convolutional networks, batch 64; microseconds per network and step",
        images("cnn", ((1, 8, 8), (1, 28, 28), (3, 32, 32)), (8, 16)),
    ),
    "digits": ("whole trainings on 8 x 8 digits, 64-width-10, batch 64", digits),
}


if __name__ == "__main__":
    main()
