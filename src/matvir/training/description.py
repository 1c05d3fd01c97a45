"""What a file of tensors says of them: a pickle that may only put tensors and containers together.

torch reads these with an unpickler of its own that runs no code, but that can still take any amount
of memory or time: for a ``bytearray`` of any length, or for tuples that each hold the one before
twice, whose hash as a key takes 2^n steps. So the description is followed beforehand, with kinds in
place of values.
"""

import pickletools
from collections.abc import Callable
from typing import Any

# All that torch writes for tensors in plain containers, as pickle names it.
STORAGES = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
MAPPING = "collections OrderedDict"
CALLED = {
    MAPPING,
    "torch._utils _rebuild_tensor_v2",
    *(f"torch {kind}Storage" for kind in STORAGES),
}
# What the operations that add one value make.
PLAIN, CONTAINER = "plain", "container"
MADE = {
    **dict.fromkeys(("BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"), PLAIN),
    **dict.fromkeys(("NEWTRUE", "NEWFALSE", "NONE"), PLAIN),
    **dict.fromkeys(("EMPTY_LIST", "EMPTY_DICT"), CONTAINER),
}
TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
# How many values the operations take off the stack that add no value.
TAKING = {"APPEND": 1, "BUILD": 1, "APPENDS": None, "SETITEM": 2, "SETITEMS": None}

# A value: PLAIN, CONTAINER, the name of what can be called, or of a tuple what is in it.
Value = str | tuple[str, ...]


class Follower:
    """Follows the operations of a pickle with kinds in place of values."""

    def __init__(self) -> None:
        self.stack: list[Value] = []
        self.outer: list[list[Value]] = []
        self.known: dict[int, Value] = {}

    def take(self, n: int | None) -> list[Value]:
        """Remove the last ``n`` values, or with None those since the last mark, and return them."""
        if n is None:
            taken, self.stack = self.stack, self.outer.pop()
            return taken
        if len(self.stack) < n:
            raise ValueError("it takes more values than it has")
        taken = self.stack[len(self.stack) - n :]
        del self.stack[len(self.stack) - n :]
        return taken

    def follow(self, name: str, argument: Any) -> None:
        """Follow one operation.

        Raises
        ------
        ValueError
            If tensors in plain containers do not need it.
        """
        special: dict[str, Callable[[Any], None]] = {
            "GLOBAL": self._name,
            "BINPERSID": lambda _: self._storage(),
            "REDUCE": lambda _: self._call(),
            "MARK": lambda _: self._mark(),
        }
        if name in MADE:
            self.stack.append(MADE[name])
        elif name in TUPLES or name == "TUPLE":
            parts = self.take(TUPLES.get(name))
            self.stack.append(tuple(CONTAINER if isinstance(p, tuple) else p for p in parts))
        elif name in TAKING:
            taken = self.take(TAKING[name])
            if name.startswith("SETITEM") and any(key != PLAIN for key in taken[::2]):
                raise ValueError("a key that is neither text nor number")
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.known[argument] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.known[argument])
        elif name in special:
            special[name](argument)
        elif name != "STOP":
            raise ValueError(f"it calls something by {name}")

    def _name(self, argument: str) -> None:
        if argument not in CALLED:
            raise ValueError(f"it calls {argument}")
        self.stack.append(argument)

    def _mark(self) -> None:
        self.outer.append(self.stack)
        self.stack = []

    def _storage(self) -> None:
        """Follow what names the values of a tensor: it is looked up, so all of it is plain."""
        (named,) = self.take(1)
        if not isinstance(named, tuple) or CONTAINER in named:
            raise ValueError("values that are named by more than texts and numbers")
        self.stack.append(CONTAINER)

    def _call(self) -> None:
        called, arguments = self.take(2)
        if called not in CALLED or (called == MAPPING and arguments != ()):
            raise ValueError(f"it calls {called} with {len(arguments)} values")
        self.stack.append(CONTAINER)


def check_description(pickled: bytes) -> None:
    """Check that a description of tensors does nothing but put tensors and containers together.

    Raises
    ------
    ValueError
        If it calls anything else, or has keys that are neither texts nor numbers.
    """
    follower = Follower()
    for number, (opcode, argument, _) in enumerate(pickletools.genops(pickled)):
        # The first operation says which version the others are of.
        if number or opcode.name != "PROTO":
            follower.follow(opcode.name, argument)
