"""The errors a user can act on.

Every message says what was expected, what came and what to do.
"""


class MatvirError(Exception):
    """Base of all errors that are about the user's input, not about a fault of the program."""


class ConfigError(MatvirError, ValueError):
    """A setting is missing, misspelt, of the wrong type or contradicts another one."""


class InputError(MatvirError, ValueError):
    """A file or an array cannot be used as it is."""
