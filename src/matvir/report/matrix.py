"""The first thing on the page: materials by models, with pictures and headline numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from matvir.comparison.tables import agreement
from matvir.report.classifier import classifier_headline
from matvir.report.results import Material
from matvir.report.slices import Picture, Row
from matvir.report.wording import percent

# Shares of statistics within their floors, from which a cell is called so.
LEVELS = ((0.9, "within"), (0.6, "near"), (0.3, "off"), (0.0, "far"))
# Pictures of another size than the real one are not drawn larger or smaller than so many times.
MOST = 2.0


@dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """A picture, and its width over that of the real one; on the same scale within `MOST`."""

    uri: str
    width: float


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One model of one material.

    Attributes
    ----------
    picture : Thumbnail or None
        A slice of the first seed.
    agree : str
        How many statistics are as close to the real ones as more real data would be.
    level : str
        How good that is, one of `LEVELS`, or "none".
    told : str
        What the classifier says of the first seed, "" if it was not asked.
    seeds : int
        Number of trainings that ``agree`` covers.
    """

    picture: Thumbnail | None
    agree: str
    level: str
    told: str
    seeds: int


@dataclass(frozen=True, kw_only=True)
class MatrixRow:
    """One material: a slice of it, and what each of its models made."""

    real: Thumbnail | None
    cells: dict[str, Cell]


def matrix_row(material: Material, slices: Sequence[Row]) -> MatrixRow:
    """Return what the matrix shows of a material.

    Parameters
    ----------
    material : Material
        With its runs.
    slices : sequence of Row
        What `matvir.report.slices.slice_rows` returned: the real row, then one of each run.
    """
    real, *made = [next((one for one in row.pictures if one), None) for row in slices]
    cells = {}
    for model in dict.fromkeys(run.model for run in material.runs):
        numbers = [index for index, run in enumerate(material.runs) if run.model == model]
        tables = [material.runs[index].tables for index in numbers]
        found = [agreement(one["comparison"]) for one in tables]
        cells[model] = Cell(
            picture=_thumbnail(made[numbers[0]], real),
            agree=_agree(found),
            level=_level(found),
            told=classifier_headline(tables[0]["classifier"]),
            seeds=len(numbers),
        )
    return MatrixRow(real=_thumbnail(real, real), cells=cells)


def models_of(rows: Sequence[MatrixRow]) -> list[str]:
    """Return the models that any material has, in their order."""
    return list(dict.fromkeys(model for row in rows for model in row.cells))


def _agree(found: Sequence[tuple[int, int]]) -> str:
    """Return numbers of statistics of several seeds as a range; shares, where totals differ."""
    judged = {total for _, total in found if total}
    if not judged:
        return "not judged"
    if len(judged) > 1:
        shares = [within / total for within, total in found if total]
        return f"{percent(min(shares))} to {percent(max(shares))}"
    numbers = sorted({within for within, total in found if total})
    return f"{' to '.join(map(str, numbers[:: max(len(numbers) - 1, 1)]))} of {judged.pop()}"


def _level(found: Sequence[tuple[int, int]]) -> str:
    judged = sum(total for _, total in found)
    if not judged:
        return "none"
    share = sum(one for one, _ in found) / judged
    return next(name for limit, name in LEVELS if share >= limit)


def _thumbnail(picture: Picture | None, real: Picture | None) -> Thumbnail | None:
    if picture is None:
        return None
    width = 1.0 if real is None else _width(picture) / _width(real)
    return Thumbnail(uri=picture.uri, width=min(max(width, 1 / MOST), MOST))


def _width(picture: Picture) -> float:
    return picture.pixels.shape[1] * picture.edges[1]
