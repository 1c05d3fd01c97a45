"""Pictures and tables as data URIs, so that the page needs no other file."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from matvir.report.palette import FIGURE_STYLE


def data_uri(content: bytes, media_type: str) -> str:
    """Return ``content`` as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def figure_uri(figure: Figure) -> str:
    """Return a figure as an SVG data URI; equal figures give equal bytes."""
    buffer = io.BytesIO()
    with mpl.rc_context(FIGURE_STYLE):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return data_uri(buffer.getvalue(), "image/svg+xml")


def as_json(value: Any) -> str:
    """Return plain values as indented JSON with sorted keys, to be read."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def image_uri(image: NDArray[np.uint8]) -> str:
    """Return an image of shape (H, W), (H, W, 3) or (H, W, 4) as a PNG data URI."""
    return data_uri(iio.imwrite("<bytes>", image, extension=".png"), "image/png")


def png_file_uri(path: Path) -> str:
    """Return a PNG file as a data URI."""
    return data_uri(Path(path).read_bytes(), "image/png")


def csv_uri(text: str) -> str:
    """Return a CSV table as a data URI."""
    return data_uri(text.encode(), "text/csv;charset=utf-8")


def grey_image(raw: NDArray[Any]) -> NDArray[np.uint8]:
    """Stretch grey values of shape (H, W) from their 0.5 % to their 99.5 % quantile to 0 .. 255."""
    low, high = np.quantile(raw, [0.005, 0.995])
    span = max(high - low, np.finfo(float).tiny)
    return np.round(np.clip((raw - low) / span, 0, 1) * 255).astype(np.uint8)
