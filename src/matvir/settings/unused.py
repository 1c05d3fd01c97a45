"""Settings of trainings that some models do not use, and the only value each then has."""

from matvir.errors import refuse
from matvir.settings.records import ModelConfig, to_dict

# What these settings have to be, and how that is written.
ONLY: dict[str, tuple[object, str]] = {
    "latent_size": (1, "1"),
    "match_fractions": (False, "false"),
    "precision": ("float32", "float32"),
    "density_control": (None, "null"),
    "warm_start": (None, "null"),
    "selection": (None, "null"),
}


def faults(model: ModelConfig) -> list[str]:
    """Return one sentence for each setting that is given a value though nothing uses it.

    Parameters
    ----------
    model : ModelConfig
        Neither a ``slicegan`` nor a ``gan3d``.
    """
    return [
        f"training.{key}: expected {text} for 'kind: {model.kind}', got {found!r}"
        for key, (value, text) in ONLY.items()
        if (found := to_dict(getattr(model.training, key))) != value
    ]


def require_unused(model: ModelConfig) -> None:
    """Raise `ConfigError` with every such setting."""
    refuse(faults(model))
