"""How a record states what one of its settings means and what it may be."""

from collections.abc import Sequence
from dataclasses import field
from typing import Any, Literal

Precision = Literal["auto", "float32", "bfloat16"]
# Names that a fetched file can be kept under.
FILE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._+-]*\.[A-Za-z0-9]+$"
# Names of materials, models and phases, which become names of folders.
NAME = "^[a-z0-9]+(-[a-z0-9]+)*$"


def setting(
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: Sequence[str] | None = None,
    pattern: str | None = None,
    least: int | None = None,
    most: int | None = None,
    unique: bool = False,
    unit: str | None = None,
) -> Any:
    """Return a field of a record; `matvir.settings.schema` makes the JSON schema from it.

    Parameters
    ----------
    description : str
        What the setting does, for docs/configuration.md.
    minimum, maximum, above, below : float, optional
        Range of a number, or of each number of a list or mapping; ``above`` and ``below`` are not
        in it.
    choices : sequence of str, optional
        The texts that are allowed, where the type does not say so.
    pattern : str, optional
        Regular expression of a text, of each text of a list, or of the keys of a mapping.
    least, most : int, optional
        Smallest and largest number of entries of a list or mapping, or of letters of a text.
    unique : bool
        Whether the entries of a list have to differ.
    unit : str, optional
        Unit of a number, or of each number of a list.
    """
    rules = {
        "minimum": minimum,
        "maximum": maximum,
        "exclusiveMinimum": above,
        "exclusiveMaximum": below,
        "enum": None if choices is None else list(choices),
        "pattern": pattern,
        "least": least,
        "most": most,
        "unique": unique or None,
    }
    stated = {key: value for key, value in rules.items() if value is not None}
    return field(metadata={"description": description, "unit": unit, "rules": stated})


def count(description: str, *, unit: str | None = None) -> Any:
    """Return a field of a whole number of at least 1."""
    return setting(description, minimum=1, unit=unit)


def share(description: str) -> Any:
    """Return a field of shares, numbers from 0 to 1."""
    return setting(description, minimum=0, maximum=1)


def loss_weight(description: str) -> Any:
    """Return a field of a weight in a loss."""
    return setting(description, minimum=0)


def adam_rate(whose: str = "") -> Any:
    """Return a field of a learning rate."""
    return setting(f"Learning rate of {whose}Adam.", above=0)


def adam_betas() -> Any:
    """Return a field of Adam's decay rates."""
    return setting("Decay rates of Adam's two moments.", minimum=0, below=1)
