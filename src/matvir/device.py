"""The one place that chooses where tensors live and how many threads they use."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

from matvir.settings.fields import Precision

# How cuDNN multiplies float32 numbers. Torch wants it to be the same for recurrent networks.
PRODUCTS: tuple[Any, Any] = (torch.backends.cudnn.conv, torch.backends.cudnn.rnn)  # type: ignore[attr-defined]


def pick_device() -> torch.device:
    """Return the GPU if there is one, else the CPU; on both the same numbers give the same bits."""
    use_deterministic_kernels()
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def use_deterministic_kernels() -> None:
    """Let a GPU compute the same bits each time, of exact products but in `allow_tf32`."""
    # Some kernels of cuDNN, those of transposed convolutions among them, sum in no fixed order.
    torch.backends.cudnn.deterministic = True
    _multiply("ieee")


@contextmanager
def allow_tf32() -> Iterator[None]:
    """Let convolutions on a GPU round factors of products in float32 to eleven bits (TF32).

    Several times faster, and harmless in training. Not so where labels are to be the same whatever
    the size of the blocks they are computed in. Of no effect on a CPU.
    """
    before = PRODUCTS[0].fp32_precision
    _multiply("tf32")
    try:
        yield
    finally:
        _multiply(before)


def _multiply(precision: str) -> None:
    for part in PRODUCTS:
        part.fp32_precision = precision


def device_name(device: torch.device) -> str:
    """Return the name of a GPU, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def pick_precision(wanted: Precision, device: torch.device) -> torch.dtype:
    """Return the numbers to compute with.

    Parameters
    ----------
    wanted : Precision
        "float32", "bfloat16", or "auto" for bfloat16 where the hardware multiplies it faster.
    device : torch.device
        Where to compute.
    """
    if wanted != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[wanted]
    if device.type == "cuda":
        faster = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        faster = _multiplies_bfloat16_faster(torch.cpu.get_capabilities())
    return torch.bfloat16 if faster else torch.float32


def computing_in(precision: torch.dtype, device: torch.device) -> AbstractContextManager[Any]:
    """Return a context whose convolutions compute in ``precision`` with weights in float32."""
    return torch.autocast(device.type, precision, enabled=precision != torch.float32)


def _multiplies_bfloat16_faster(capabilities: Mapping[str, Any]) -> bool:
    """Return whether a processor is faster in bfloat16 than in float32.

    Those with units for matrices (AMX) are. The instructions of AVX-512 for it make a training step
    a third shorter on processors of AMD and save nothing on those of Intel; without them it costs
    much.
    """
    amd = str(capabilities.get("cpu_name", "")).startswith("AMD")
    return bool(capabilities.get("amx_bf16") or (amd and capabilities.get("avx512_bf16")))


def precision_name(precision: torch.dtype) -> str:
    """Return "float32" or "bfloat16"."""
    return str(precision).removeprefix("torch.")


def use_threads(threads: int) -> None:
    """Let torch compute with ``threads`` threads; more than there are cores slows it down."""
    torch.set_num_threads(threads)
