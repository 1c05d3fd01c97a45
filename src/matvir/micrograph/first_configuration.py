"""A configuration for an image, from what is seen in it: what `matvir init` writes."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from matvir.errors import ConfigError
from matvir.micrograph.inspection import Inspection
from matvir.settings.fields import NAME


def material_name(source: str) -> str:
    """Return a file's name as a material may be called: ``My Scan_2.tif`` is ``my-scan-2``."""
    stem = Path(source.split(":", maxsplit=1)[0]).name.split(".")[0]
    name = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
    # YAML takes some words and numbers for something else than a name.
    plain = isinstance(yaml.safe_load(name or "null"), str)
    return name if plain else f"material-{name}".strip("-")


def first_configuration(
    found: Inspection,
    phases: Sequence[str] | None = None,
    *,
    model: str | None = None,
    minutes: float | None = None,
) -> str:
    """Return a configuration in YAML with comments that say what was seen.

    Parameters
    ----------
    found : Inspection
        What `matvir.micrograph.inspection.inspect` returned.
    phases : sequence of str, optional
        Names of the phases, from dark to bright or by ascending label.
    model : str, optional
        The one to train; without it the default one.
    minutes : float, optional
        How long to train ``model``; without it as long as that has by default.

    Raises
    ------
    ConfigError
        If there are other than so many phases as labels, or an image has channels of which one is
        to be chosen.
    """
    if found.type is None:
        raise ConfigError(f"{found.source}: {found.doubts[0]}. Then write the configuration.")
    name = material_name(found.source)
    size = " x ".join(map(str, found.shape))
    lines = [
        "# Every other key has a default: docs/configuration.md.",
        "run:",
        f"  materials: [{name}]",
        *([] if model is None else [f"  models: [{model}]"]),
        "",
        "materials:",
        f"  {name}:",
        _line("image", json.dumps(found.source), f"{size}, {found.stored.array.dtype}"),
    ]
    if found.type != "grey":
        lines.append(_line("type", found.type, "what its values are"))
    lines += _phase_lines(found, phases)
    lines += _size_lines(found)
    if found.left.region is not None:
        ranges = [list(one) for one in found.left.region]
        lines.append(_line("crop", str(ranges), f"{found.left.texts[0]}: is it?"))
    if found.left.circle is not None:
        lines.append(_line("circle", "auto", f"{found.left.texts[0]}: is it?"))
    lines += [f"    # Look at: {doubt}" for doubt in found.doubts if doubt not in found.left.texts]
    if minutes is not None:
        lines += [
            "",
            "models:",
            f"  {model}:",
            f"    training: {{steps: null, budget: {minutes:g}min}}",
        ]
    return "\n".join(lines) + "\n"


def _line(key: str, value: str, comment: str) -> str:
    return f"    {key}: {value}".ljust(44) + f"  # {comment}"


def _phase_lines(found: Inspection, phases: Sequence[str] | None) -> list[str]:
    """Return the names of phases, which the user may change."""
    for one in phases or ():
        if not re.fullmatch(NAME, one) or not isinstance(yaml.safe_load(one), str):
            raise ConfigError(
                f"--phases: expected names of small letters, digits and '-' that are no numbers or "
                f"words of YAML, got {one!r}."
            )
    if found.type == "rgb" and phases is None:
        return [_line("phases", "[dark, bright]", "from dark to bright: name yours")]
    seen = [phase.name for phase in found.phases]
    if phases is not None and found.type == "labels" and len(phases) != len(seen):
        raise ConfigError(
            f"--phases: expected {len(seen)} names, one per label ({', '.join(seen)}), got "
            f"{list(phases)}."
        )
    shares = ", ".join(f"{phase.interval.fraction:.3f}" for phase in found.phases)
    if found.type != "labels":
        names = list(phases or seen)
        return [_line("phases", f"[{', '.join(names)}]", f"from dark to bright: about {shares}")]
    names = list(phases or (f"phase-{one}" for one in range(len(seen))))
    values = [json.dumps(one) if found.coloured else one for one in seen]
    pairs = ", ".join(f"{name}: {value}" for name, value in zip(names, values, strict=True))
    return [_line("phases", f"{{{pairs}}}", f"name yours: {shares}")]


def _size_lines(found: Inspection) -> list[str]:
    size = found.stored.voxel_size
    if size is None:
        return ["    # voxel_size_um: 0.1  # is not in the file; without it lengths are in voxels"]
    edges = ", ".join(f"{edge:.6g}" for edge in size.edges_um)
    return [f"    # voxel_size_um: [{edges}]  # is read from the file ({size.stated_by})"]
