"""Write docs/configuration.md from the records of settings and the defaults."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from matvir.settings.schema import schema

ROOT = Path(__file__).resolve().parents[1]
# Sections whose keys are names of the user, and whether to list the keys of an entry: those of a
# material stand under material_defaults.
NAMED = {"datasets": True, "materials": False, "models": True}
HEAD = """# Configuration

Made from `src/matvir/settings` and `config/default.yaml` by `make docs`; edit those.

Settings are read from `config/default.yaml`, then from your `config/config.yaml`, then from
`--configfile`. Mappings are merged, lists are replaced. `datasets:`, `materials:` and `models:`
say what exists, `run:` says what to do. What was used is written to `results/run_config.yaml`.

| key | type | default | meaning |
|---|---|---|---|
"""

# Entries of a list; the whole of a longer one stands in config/default.yaml alone.
MOST_SHOWN = 8


def main() -> None:
    """Write the page."""
    (ROOT / "docs/configuration.md").write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the page as Markdown."""
    default = yaml.safe_load((ROOT / "config/default.yaml").read_text())
    return HEAD + "".join(f"{row}\n" for row in rows(schema(), default, ""))


def rows(node: Mapping[str, Any], default: Any, path: str) -> Iterator[str]:
    """Yield one table row per key below ``node``, depth first."""
    for name, child in node.get("properties", {}).items():
        value = default.get(name) if isinstance(default, Mapping) else None
        if path == "" and name in NAMED:
            yield row(f"{name}.NAME", child, None)
            if NAMED[name]:
                yield from rows(child["additionalProperties"], None, f"{name}.NAME.")
            continue
        yield row(path + name, child, value)
        options = child.get("anyOf", [child])
        for option in options:
            kind = f"({option['title']})" if len(options) > 1 else ""
            yield from rows(option, value, f"{path}{name}{kind}.")


def row(path: str, node: Mapping[str, Any], value: Any) -> str:
    """Return one row of the table."""
    shown = "" if value is None or isinstance(value, Mapping) else f"`{yaml_text(value)}`"
    meaning = " ".join(str(node.get("description", "")).split()).replace("|", "\\|")
    return f"| `{path}` | {kind_of(node)} | {shown} | {meaning} |"


def yaml_text(value: Any) -> str:
    """Return a value as it would be written on one line of YAML, a long list by its beginning."""
    if isinstance(value, list) and len(value) > MOST_SHOWN:
        return yaml_text(value[:3]).removesuffix("]") + ", ...]"
    return yaml.safe_dump(value, default_flow_style=True, width=1000).replace("\n...", "").strip()


def kind_of(node: Mapping[str, Any]) -> str:
    """Return the allowed types or values in words, with the unit."""
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    if "const" in node:
        return f"`{node['const']}`"
    types = node.get("type", "object")
    names = {"object": "mapping", "array": "list"}
    listed = types if isinstance(types, list) else [types]
    unit = f" ({node['unit']})" if "unit" in node else ""
    return " or ".join(names.get(name, name) for name in listed) + unit


if __name__ == "__main__":
    main()
