"""The errors a user can act on.

Every message says what was expected, what came and what to do.
"""

from collections.abc import Sequence


class MatvirError(Exception):
    """Base of all errors that are about the user's input, not about a fault of the program."""


class ConfigError(MatvirError, ValueError):
    """A setting is missing, misspelt, of the wrong type or contradicts another one."""


class InputError(MatvirError, ValueError):
    """A file or an array cannot be used as it is."""


def refuse(faults: Sequence[str]) -> None:
    """Raise one `ConfigError` with all faults of a model, if there are any."""
    if faults:
        raise ConfigError("; ".join(faults) + ".")
