"""Which code of the package a step depends on, so that editing it makes cheap results anew."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import matvir

PACKAGE = Path(matvir.__file__).parent
# Rooms whose code makes cheap results. What the others make is expensive, and runs again only when
# its step's revision is raised (`matvir.families`, `matvir.settings.revisions`), or is read and
# checked by every step.
CHEAP = ("metrics", "measurement", "comparison", "report")
TEMPLATES = (".html", ".js")


def code_of(script: Path, *also: str) -> list[str]:
    """Return a script and what it imports of the cheap rooms, directly or by way of others.

    Parameters
    ----------
    script : Path
        A Python file that imports from the package; imports within functions count as well.
    *also : str
        Modules of other rooms that count too, such as ``generation/latent_space.py``.

    Returns
    -------
    list of str
        Sorted paths; all templates and scripts of a room go with a module that has a template.
    """
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        new = set(_imported(waiting.pop())) - found
        found |= new
        waiting += new
    chosen = {
        path
        for path in found
        if (name := path.relative_to(PACKAGE)).parts[0] in CHEAP or name.as_posix() in also
    }
    for path in [one for one in chosen if one.with_suffix(".html").exists()]:
        chosen.update(one for one in path.parent.rglob("*") if one.suffix in TEMPLATES)
    return sorted(map(str, {script, *chosen}))


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """Return the modules of the package that a file imports."""
    return tuple(
        module
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _names(node)
        if (module := _module(name)) is not None
    )


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module(name: str) -> Path | None:
    """Return the file of a module of the package, None of anything else."""
    room, *rest = name.split(".")
    path = PACKAGE.joinpath(*rest).with_suffix(".py")
    return path if room == PACKAGE.name and rest and path.is_file() else None
