"""What the history of a training, its rows as mappings, says about its validations."""

import math
from collections.abc import Sequence
from typing import Any


def best_row(history: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the first row of a training's history with the smallest score; None without one."""
    validated = [row for row in history if not math.isnan(row.get("score", math.nan))]
    return min(validated, key=lambda row: float(row["score"]), default=None)


def exhausted(history: Sequence[dict[str, Any]], patience: int) -> bool:
    """Return whether the last ``patience`` validations, or more, were worse than one before."""
    best = best_row(history)
    if best is None:
        return False
    return sum("score" in row and row["step"] > best["step"] for row in history) >= patience
