"""Several processes, or GPUs of one node, that share the work of one training.

Each process has all networks and draws all random numbers of a step. The generator makes each
process's share of the volumes, which are then put together, and critics see each process's share of
the slices; gradients are averaged. So a step is that of one process with the whole batch, up to the
order of sums. Batch normalisation takes its means over the volumes of all processes.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, multiprocessing, nn
from torch.autograd.function import once_differentiable

from matvir.device import use_deterministic_kernels, use_threads
from matvir.errors import ConfigError, MatvirError

# How the library says that a process failed.
FAILURES = (multiprocessing.ProcessRaisedException, multiprocessing.ProcessExitedException)
# A process that waits longer for the others takes them for lost.
PATIENCE = timedelta(minutes=30)
LOST = (
    "another process of the training is gone ({reason}). Run the same command again to go on from "
    "the last checkpoint."
)


class ProcessLost(MatvirError, RuntimeError):
    """Another process of the training is gone."""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of a training, as one of them sees them.

    Attributes
    ----------
    rank : int
        Number of this process; 0 is the main process: it alone writes files and shows the progress.
    size : int
        Number of all.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def shard(self, batch: Tensor) -> Tensor:
        """Return this process's part of a batch that all have."""
        return batch.chunk(self.size)[self.rank]

    def gather(self, part: Tensor) -> Tensor:
        """Return the batch that the parts of all processes make, in their order.

        Its gradient may differ between the processes: they are summed.
        """
        return part if self.size == 1 else _Gather.apply(part, self)

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes; gradients are summed as well."""
        return value if self.size == 1 else _Sum.apply(value)

    @torch.no_grad()
    def average_gradients(self, optimiser: torch.optim.Optimizer) -> None:
        """Replace the gradients of an optimiser's parameters by the means over all processes."""
        if self.size == 1:
            return
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([one.reshape(-1) for one in gradients])
        distributed.all_reduce(flat)
        parts = (flat / self.size).split([one.numel() for one in gradients])
        for parameter, gradient, part in zip(parameters, gradients, parts, strict=True):
            parameter.grad = gradient.copy_(part.reshape(gradient.shape))

    def mean(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the means over all processes of scalars that each has under the same names."""
        if self.size == 1:
            return dict(values)
        stacked = torch.stack([value.detach().float() for value in values.values()])
        distributed.all_reduce(stacked)
        return dict(zip(values, (stacked / self.size).unbind(), strict=True))

    def any(self, mine: bool, device: torch.device) -> bool:
        """Return whether something is so in any of the processes."""
        if self.size == 1:
            return mine
        flag = torch.tensor(float(mine), device=device)
        distributed.all_reduce(flag, op=distributed.ReduceOp.MAX)
        return bool(flag.item())

    def broadcast(self, mine: Sequence[float], device: torch.device) -> list[float]:
        """Return the main process's numbers, so that all decide by the same measurement."""
        if self.size == 1:
            return list(mine)
        numbers = torch.tensor(mine, dtype=torch.float64, device=device)
        distributed.broadcast(numbers, src=0)
        return numbers.tolist()

    def require_multiple(self, key: str, n: int) -> None:
        """Check that a batch can be shared in equal parts.

        Raises
        ------
        ConfigError
            If it cannot; ``key`` is the setting that says how many it has.
        """
        if n % self.size:
            raise ConfigError(
                f"{key}: expected a multiple of the {self.size} processes that share a training, "
                f"got {n}. Change it, or train.processes."
            )


# The group of a process that trains by itself.
SINGLE = ProcessGroup()


class _Gather(torch.autograd.Function):
    """All parts in every process; each part's gradient is the sum of what all say of it."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, group: ProcessGroup) -> Tensor:
        ctx.group = group
        part = part.contiguous()
        parts = [torch.empty_like(part) for _ in range(group.size)]
        distributed.all_gather(parts, part)
        return torch.cat(parts)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        summed = gradient.contiguous().clone()
        distributed.all_reduce(summed)
        return ctx.group.shard(summed), None


class _Sum(torch.autograd.Function):
    """A sum over all processes, which depends on the value of each."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        summed = value.clone()
        distributed.all_reduce(summed)
        return summed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed = gradient.clone()
        distributed.all_reduce(summed)
        return summed


class SharedNormalisation(nn.BatchNorm3d):
    """Batch normalisation over the volumes of all processes.

    Parameters
    ----------
    single : BatchNorm3d
        The normalisation that it takes the place of; it has the same parameters and statistics.
    group : ProcessGroup
        The processes.
    """

    def __init__(self, single: nn.BatchNorm3d, group: ProcessGroup) -> None:
        super().__init__(single.num_features, single.eps, single.momentum)
        self.group = group
        self.weight, self.bias = single.weight, single.bias
        for name, buffer in single.named_buffers():
            setattr(self, name, buffer)
        self.train(single.training)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the normalised input, (B, C, D, H, W), B being this process's share."""
        if not self.training:
            return super().forward(hidden)
        assert self.momentum is not None
        axes, values = (0, 2, 3, 4), hidden.float()
        n = self.group.size * values.numel() / self.num_features
        mean = self.group.sum(values.sum(axes)) / n
        centred = values - mean.reshape(-1, 1, 1, 1)
        variance = self.group.sum(centred.square().sum(axes)) / n
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)  # type: ignore[union-attr]
            unbiased = variance * n / (n - 1)
            self.running_var.lerp_(unbiased, self.momentum)  # type: ignore[union-attr]
            self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
        scale = self.weight * torch.rsqrt(variance + self.eps)
        made = centred * scale.reshape(-1, 1, 1, 1) + self.bias.reshape(-1, 1, 1, 1)
        return made.to(hidden.dtype)


def share_normalisations(network: nn.Module, group: ProcessGroup) -> None:
    """Let the batch normalisations of a network take their means over all processes."""
    if group.size == 1:
        return
    for part in list(network.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.BatchNorm3d):
                setattr(part, name, SharedNormalisation(child, group))


@contextmanager
def process_group(
    size: int, device: torch.device, member: Callable[..., Any], arguments: Mapping[str, Any]
) -> Iterator[ProcessGroup]:
    """Start the other processes of a group, of which this one is the main process.

    Parameters
    ----------
    size : int
        Number of processes, this one included.
    device : torch.device
        Where this one computes; on GPUs each process has one of its own.
    member : callable
        What the others run, given ``arguments``, ``group`` and ``device``.
    arguments : mapping
        Anything that can be pickled.

    Yields
    ------
    ProcessGroup
        Of the main process.

    Raises
    ------
    ConfigError
        If there are fewer GPUs than processes.
    ProcessLost
        If one of the others fails.
    """
    if size == 1:
        yield SINGLE
        return
    if device.type == "cuda" and torch.cuda.device_count() < size:
        raise ConfigError(
            f"train.processes: {size} need as many GPUs, got {torch.cuda.device_count()}. Ask for "
            "fewer, or allow more with --resources gpu=N and the scheduler's own options."
        )
    with tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder) / "meeting"
        common = (size, device.type, meeting, torch.get_num_threads(), member, dict(arguments))
        others = multiprocessing.spawn(_join, common, nprocs=size - 1, join=False, daemon=True)
        try:
            _wait_for(others, meeting)
            _meet(0, size, device.type, meeting)
            yield ProcessGroup(0, size)
        except RuntimeError as error:
            if isinstance(error, MatvirError):
                raise
            _require_alive(others, seconds=10)  # a connection is gone before its process is
            raise
        finally:
            if distributed.is_initialized():
                distributed.destroy_process_group()
            for other in others.processes:
                other.join(timeout=10)
                other.kill()


def _wait_for(others: multiprocessing.ProcessContext, meeting: Path) -> None:
    """Wait until all processes have begun: the library would wait for dead ones, too."""
    ranks = range(1, len(others.processes) + 1)
    while not all(_token(meeting, rank).exists() for rank in ranks):
        _require_alive(others, seconds=0.05)


def _require_alive(others: multiprocessing.ProcessContext, seconds: float) -> None:
    """Raise `ProcessLost` if a process fails within so many seconds."""
    try:
        others.join(timeout=seconds)
    except FAILURES as error:
        reason = str(error).strip().splitlines()[-1]
        raise ProcessLost(LOST.format(reason=reason)) from error


def _token(meeting: Path, rank: int) -> Path:
    return meeting.with_name(f"{rank}-is-here")


def _meet(rank: int, size: int, device: str, meeting: Path) -> None:
    distributed.init_process_group(
        "nccl" if device == "cuda" else "gloo",
        init_method=meeting.as_uri(),
        rank=rank,
        world_size=size,
        timeout=PATIENCE,
    )


def _join(
    index: int,
    size: int,
    device: str,
    meeting: Path,
    threads: int,
    member: Callable[..., Any],
    arguments: dict[str, Any],
) -> None:
    """Be one of the others, from the start of the process to its end."""
    rank = index + 1
    use_threads(threads)
    use_deterministic_kernels()
    mine = torch.device(device, rank) if device == "cuda" else torch.device(device)
    if device == "cuda":
        torch.cuda.set_device(mine)
    _token(meeting, rank).touch()
    _meet(rank, size, device, meeting)
    try:
        member(**arguments, group=ProcessGroup(rank, size), device=mine)
    finally:
        distributed.destroy_process_group()
