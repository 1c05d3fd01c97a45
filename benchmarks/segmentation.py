"""Score the segmentation on micrographs whose true phases are known.

Run as ``python benchmarks/segmentation.py [folder]``; the folder holds the images and their truth.
"""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from table import write_table

from matvir.micrograph.reading import read_micrograph
from matvir.micrograph.segmentation import segment
from matvir.report.segmentation_sheet import draw_sheet
from matvir.settings.build import from_dict, merge
from matvir.settings.records import MaterialConfig

ROOT = Path(__file__).resolve().parents[1]
MIN_SHARE = 0.02
NOTE = """\
Mean intersection over union with the true labels, over the phases that occupy more than 2 % of
the truth. "defaults" are `material_defaults` of `config/default.yaml`; what a row adds to them is
in the column "settings". IoU of the small phase: empty where it was not asked for, because its
grey values are those of another phase.
- noisy-spots: limited by noise as strong as the contrast: the outlines of the dark spots.
- superalloy: limited by dark phase that is as bright as the matrix where it is shallow, by bright
  halos, and by the 1 % of dark specks that truth counts as a phase of its own.
- nasa-super-spot3: limited by precipitates whose grey overlaps that of the matrix, and by the 2 %
  of specks darker than either.
"""
# Values of the truth from the phase named first to the one named last; None: not segmented.
CASES: dict[str, dict[str, Any]] = {
    "noisy-spots": {
        "image": "raw_noisy_spots_2d_518.tif",
        "truth": "seg_noisy_spots_2d_518.tif",
        "values": (127, 254),
        "settings": {"phases": ["dark", "bright"]},
    },
    "superalloy": {
        "image": "raw_superalloy_2d_512.tif",
        "truth": "seg_superalloy_2d_512.tif",
        "values": (170, 85),
        "settings": {"phases": ["dark", "bright"]},
    },
    "nasa-super-spot3": {
        "image": "raw_nasa_super_spot3_2d_512.tif",
        "truth": "seg_nasa_super_spot3_2d_512.tif",
        "values": (1, 0),
        "settings": {"phases": ["dark", "bright"]},
    },
    "superalloy by scribbles": {
        "image": "raw_superalloy_2d_512.tif",
        "truth": "seg_superalloy_2d_512.tif",
        "values": (85, 170, 255),
        "settings": {
            "phases": ["matrix", "precipitate", "speck"],
            "segmentation": {
                "method": "scribbles",
                "scribbles": "scribble_superalloy_2d_512.tif",
                "min_speck": 0,
            },
        },
    },
}


def intersection_over_union(
    labels: NDArray[np.uint8], truth: NDArray[np.integer], values: tuple[int, ...]
) -> list[float]:
    """Return the intersection over union of each phase with its value in the truth."""
    scores = []
    for phase, value in enumerate(values):
        found, true = labels == phase, truth == value
        scores.append(np.count_nonzero(found & true) / np.count_nonzero(found | true))
    return scores


def score(folder: Path, case: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Segment one image with the defaults and the case's settings and compare it to the truth."""
    settings = merge(defaults, {"image": str(folder / case["image"]), **case["settings"]})
    if settings["segmentation"]["scribbles"] is not None:
        settings["segmentation"]["scribbles"] = str(folder / settings["segmentation"]["scribbles"])
    config = from_dict(MaterialConfig, settings)
    start = time.perf_counter()
    micrograph = read_micrograph(str(config.image), type=config.type, voxel_size_um=None)
    result = segment(micrograph, config)
    seconds = time.perf_counter() - start
    truth = read_micrograph(folder / case["truth"], type="labels", voxel_size_um=None).image
    scores = intersection_over_union(result.image.voxels, truth, case["values"])
    shares = [np.mean(truth == value) for value in case["values"]]
    large = [s for s, share in zip(scores, shares, strict=True) if share > MIN_SHARE]
    small = [s for s, share in zip(scores, shares, strict=True) if share <= MIN_SHARE]
    return {
        "mean IoU": f"{np.mean(large):.3f}",
        "IoU per phase": ", ".join(
            f"{name} {s:.3f}" for name, s in zip(config.phases or (), scores, strict=True)
        ),
        "IoU of the small phase": f"{small[0]:.3f}" if small else None,
        "seconds": f"{seconds:.1f}",
        "settings": _short(case["settings"]),
        "result": result,
    }


def _short(settings: Mapping[str, Any]) -> str:
    own = dict(settings.get("segmentation", {}))
    return ", ".join(["defaults", *(f"{key}: {value}" for key, value in own.items())])


def main(folder: Path) -> None:
    """Score every case, print the table and draw the sheets."""
    defaults = yaml.safe_load((ROOT / "config/default.yaml").read_text())["material_defaults"]
    rows = []
    for name, case in CASES.items():
        row = score(folder, case, defaults)
        sheet = f"segmentation-{name.replace(' ', '-')}.png"
        draw_sheet({"": row.pop("result")}, ROOT / "results/benchmarks" / sheet)
        rows.append({"image": name, **row})
    write_table("segmentation", pd.DataFrame(rows), NOTE)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "data")
