"""Virtual material from one micrograph, and the evidence that it is like the real one."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matvir.api import Generator, compare, load_generator, measure, train

__version__ = "0.2.0"
__all__ = ["Generator", "compare", "load_generator", "measure", "train"]


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: a command that needs no torch does not wait for it."""
    if name in __all__:
        from matvir import api

        return getattr(api, name)
    raise AttributeError(f"module 'matvir' has no attribute {name!r}")
