"""The one place that chooses where tensors live and how many threads they use."""

import torch

from matvir.config import Precision


def pick_device() -> torch.device:
    """Return the GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """Return the name of a GPU, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def pick_precision(wanted: Precision, device: torch.device) -> torch.dtype:
    """Return the numbers to compute with.

    Parameters
    ----------
    wanted : Precision
        "float32", "bfloat16", or "auto" for bfloat16 where there are units that multiply matrices
        of it: without them it saves no time (AVX-512) or costs much (AVX2).
    device : torch.device
        Where to compute.
    """
    if wanted != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[wanted]
    if device.type == "cuda":
        has_units = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        has_units = bool(torch.cpu.get_capabilities().get("amx_bf16", False))
    return torch.bfloat16 if has_units else torch.float32


def precision_name(precision: torch.dtype) -> str:
    """Return "float32" or "bfloat16"."""
    return str(precision).removeprefix("torch.")


def use_threads(threads: int) -> None:
    """Let torch compute with ``threads`` threads; more than there are cores slows it down."""
    torch.set_num_threads(threads)
