"""Effective elastic stiffness of all phases together, by finite elements on the voxels."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.metrics.checks import voxel_edges

# Relative residual of the forces; moduli are then right to 0.1 %, of an electrode with pores.
TOLERANCE = 1e-3
MAX_ITERATIONS = 1000
# The pairs of axes of a strain, in Voigt's order: three stretches, then the shear that leaves
# axis 0, 1 and 2 as it is.
PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
# Below this share of the stiffest voxel a sample is taken to carry no load: rounding and residual.
NOTHING = 1e-6


@dataclass(frozen=True, kw_only=True)
class Moduli:
    """Moduli of a sample along each axis, in the unit of those of its phases.

    Attributes
    ----------
    youngs : tuple of three float
        Stress over strain when pulled along an axis, free to contract across it.
    shear : tuple of three float
        Of the shear between the two other axes.
    """

    youngs: tuple[float, ...]
    shear: tuple[float, ...]


def is_available() -> bool:
    """Return whether muGrid, an optional dependency, is installed."""
    return find_spec("muGrid") is not None


def effective_stiffness(
    youngs_modulus: NDArray[np.floating[Any]],
    poissons_ratio: NDArray[np.floating[Any]],
    *,
    voxel_size: Sequence[float] | None = None,
    max_iterations: int = MAX_ITERATIONS,
) -> NDArray[np.float64]:
    """Return the stiffness of a composite of isotropic phases, linear and with perfect bonds.

    Each voxel is a trilinear finite element. The mean strain is given and what deviates from it is
    periodic: opposite faces of the sample are joined as they are, which for a sample that is not
    periodic comes closer to the stiffness of the material than fixed or free faces do (Kanit et
    al., Int. J. Solids Struct. 40 (2003) 3647). The equations are solved by muGrid's conjugate
    gradients, preconditioned with the diagonal and the Fourier transform of a uniform material
    (Ladecký et al., Appl. Math. Comput. 446 (2023) 127835). Layers normal to an axis are exact.

    Parameters
    ----------
    youngs_modulus : ndarray of shape (D, H, W), float
        Of each voxel, in any unit; 0 in a void.
    poissons_ratio : ndarray of the same shape, float
        Of each voxel, above -1 and below 0.5.
    voxel_size : sequence of float, optional
        Edge of a voxel along each axis; without it voxels are cubes.
    max_iterations : int
        When to give up.

    Returns
    -------
    ndarray of shape (6, 6)
        Stresses by unit strains, shears as angles, in Voigt's order 00, 11, 22, 12, 02, 01 and in
        the unit of ``youngs_modulus``; NaN if the solver did not converge.

    Raises
    ------
    InputError
        If muGrid is not installed or the moduli are no such arrays.
    """
    _check(youngs_modulus, poissons_ratio)
    edges = voxel_edges(voxel_size, 3)
    if not youngs_modulus.any():
        return np.zeros((6, 6))
    highest = float(youngs_modulus.max())
    relative = youngs_modulus / highest
    shear = relative / (2 * (1 + poissons_ratio))
    first = 2 * shear * poissons_ratio / (1 - 2 * poissons_ratio)  # Lamé's first parameter
    stiffness = _solve(first, shear, edges, max_iterations)
    return highest * (stiffness + stiffness.T) / 2


def moduli(stiffness: NDArray[np.float64]) -> Moduli:
    """Return the moduli along each axis from a stiffness of :func:`effective_stiffness`.

    They are 0 where the sample carries no load, and NaN if the stiffness is.
    """
    if np.isnan(stiffness).any():
        return Moduli(youngs=(np.nan,) * 3, shear=(np.nan,) * 3)
    values, modes = np.linalg.eigh(stiffness)
    least = NOTHING * values[-1]
    if not least > 0:
        return Moduli(youngs=(0.0,) * 3, shear=(0.0,) * 3)
    # A mode without resistance is given next to none, so that what needs it comes out as 0.
    compliance = (modes / np.where(values > least, values, least * NOTHING)) @ modes.T
    found = 1 / np.diag(compliance)
    found[found < least] = 0.0
    return Moduli(youngs=tuple(map(float, found[:3])), shear=tuple(map(float, found[3:])))


def _check(youngs_modulus: NDArray[Any], poissons_ratio: NDArray[Any]) -> None:
    if not is_available():
        raise InputError(
            "stiffness is computed by muGrid, which is not installed. Run `pip install muGrid`, or "
            "leave 'relative-stiffness' out of measure.metrics."
        )
    if youngs_modulus.ndim != 3 or poissons_ratio.shape != youngs_modulus.shape:
        raise InputError(
            "expected Young's moduli and Poisson's ratios of the voxels of one 3D sample, got "
            f"shapes {youngs_modulus.shape} and {poissons_ratio.shape}"
        )
    if not (np.isfinite(youngs_modulus).all() and youngs_modulus.min() >= 0):
        raise InputError(
            "expected Young's moduli that are finite and not negative, got "
            f"{youngs_modulus.min():g} .. {youngs_modulus.max():g}"
        )
    if not (poissons_ratio.min() > -1 and poissons_ratio.max() < 0.5):
        raise InputError(
            "expected Poisson's ratios above -1 and below 0.5, got "
            f"{poissons_ratio.min():g} .. {poissons_ratio.max():g}"
        )


def _solve(
    first: NDArray[np.float64],
    shear: NDArray[np.float64],
    edges: Sequence[float],
    max_iterations: int,
) -> NDArray[np.float64]:
    """Return the stiffness for Lamé's parameters of each voxel, by six loads."""
    import muGrid
    from muGrid.Preconditioners import make_green_jacobi_preconditioner
    from muGrid.Solvers import ConvergenceError, conjugate_gradients

    operator = muGrid.IsotropicStiffnessOperator3D(list(edges))
    engine = muGrid.FFTEngine(
        list(first.shape), nb_ghosts_left=(1, 1, 1), nb_ghosts_right=(1, 1, 1)
    )
    lame = [engine.real_space_field(name) for name in ("first", "shear")]
    for field, values in zip(lame, (first, shear), strict=True):
        field.p[...] = values
        engine.communicate_ghosts(field)
    with warnings.catch_warnings():  # a sample of one phase has a constant diagonal, rightly
        warnings.simplefilter("ignore", RuntimeWarning)
        precondition = make_green_jacobi_preconditioner(
            engine, operator, *lame, 3, element=muGrid.FEMElement.q1, grid_spacing=list(edges)
        )
    displacement, force = (engine.real_space_field(n, components=(3,)) for n in ("u", "f"))

    def apply(given: Any, result: Any) -> None:
        engine.communicate_ghosts(given)
        operator.apply(given, *lame, result)

    stiffness = np.full((6, 6), np.nan)
    for column, strain in enumerate(_unit_strains()):
        operator.apply_macro_rhs(*(f._cpp for f in lame), strain, force._cpp)
        force.p[...] *= -1
        displacement.p[...] = 0
        try:
            conjugate_gradients(
                engine.communicator,
                engine.real_space_collection,
                force,
                displacement,
                apply,
                prec=precondition,
                rtol=TOLERANCE,
                # A uniform strain may be the solution: then the force is rounding alone.
                atol=1e-9 * float(np.prod(edges) ** (2 / 3) * np.sqrt(first.size)),
                maxiter=max_iterations,
            )
        except ConvergenceError:
            return np.full((6, 6), np.nan)
        engine.communicate_ghosts(displacement)
        stress = operator.average_stress(displacement._cpp, *(f._cpp for f in lame), strain)
        mean = np.reshape(stress, (3, 3)) / (first.size * np.prod(edges))
        stiffness[:, column] = [mean[pair] for pair in PAIRS]
    return stiffness


def _unit_strains() -> list[list[float]]:
    """Return the strains of all loads as flat 3 x 3 tensors."""
    strains = []
    for row, column in PAIRS:
        strain = np.zeros((3, 3))
        strain[row, column] += 0.5
        strain[column, row] += 0.5
        strains.append([float(value) for value in strain.ravel()])
    return strains
