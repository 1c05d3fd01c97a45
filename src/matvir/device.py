"""The one place that chooses where tensors live and how many threads they use."""

import torch


def pick_device() -> torch.device:
    """Return the GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """Return the name of a GPU, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def use_threads(threads: int) -> None:
    """Let torch compute with ``threads`` threads; more than there are cores slows it down."""
    torch.set_num_threads(threads)
