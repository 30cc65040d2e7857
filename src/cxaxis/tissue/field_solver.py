"""Densities one step on: diffusion, decay, sources and sinks solved together.

Backward Euler without any splitting. With ``c`` the density at the end of the step,
``(1/dt + decay + sink) c - D lap c = c_before/dt + source``; a quasi-steady substrate lacks the two
terms in ``1/dt``. The operator is symmetric and positive, so conjugate gradients solve it; the same
operator with one mean sink, which cosine or sine transforms invert, preconditions them. Splitting
sources from diffusion is what forces small steps, so they are not split (`field_biofvm` does, to
reproduce other software).

A density held at a face is held at the face itself, half a voxel from the centre of the first
voxel, or in the voxels along it (``hold="voxel"``), as PhysiCell does. Nothing passes other faces,
and nothing passes the z faces of a flat grid.

What is left by the iteration is made good in the balance: values a rounding below 0 are set to 0
and the field scaled, by about as much as the tolerance, so that what was there, made, lost and let
through the faces adds up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from scipy import fft

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import CxaxisError, ModelValueError
from cxaxis.tissue import field_kernels
from cxaxis.tissue.fields import Coefficients
from cxaxis.tissue.records import FACES, Grid, Substrate

Hold = Literal["face", "voxel"]

#: Residual over right-hand side at which the iteration ends.
TOLERANCE: Final = 1e-9

#: Iterations after which it is given up.
MAX_ITERATIONS: Final = 2_000

# Strength of a held wall as a share of the coupling of two voxels: no wall, its centre one voxel
# away, its surface half a voxel away.
_OPEN, _VOXEL, _FACE = 0.0, 1.0, 2.0


class FieldNotSolvedError(CxaxisError):
    """The densities of a substrate could not be found."""


@dataclass(frozen=True, kw_only=True)
class Solved:
    """Densities at the end of a step and how they were found.

    Attributes
    ----------
    density
        Shape ``(n_substrate, nx, ny, nz)``.
    iterations
        By substrate.
    residual
        Norm of what is left over norm of the right-hand side, by substrate.
    """

    density: FloatArray
    iterations: tuple[int, ...]
    residual: tuple[float, ...]


@dataclass(frozen=True)
class _Axis:
    """Walls at the ends of one axis and the transform that they call for."""

    n: int
    coupling: float
    low: float
    high: float

    @property
    def is_held(self) -> tuple[bool, bool]:
        return self.low > 0, self.high > 0

    @property
    def sine_type(self) -> Literal[1, 2]:
        """Type of the sine transform between two held ends: first where voxels are held."""
        return 1 if self.low == _VOXEL else 2

    def forward(self, field: FloatArray, axis: int) -> FloatArray:
        match self.is_held:
            case (False, False):
                return np.asarray(fft.dct(field, type=2, axis=axis, norm="ortho"))
            case (True, True):
                return np.asarray(fft.dst(field, type=self.sine_type, axis=axis, norm="ortho"))
            case (True, False):
                return np.asarray(fft.dst(field, type=4, axis=axis, norm="ortho"))
            case _:
                return np.asarray(fft.dct(field, type=4, axis=axis, norm="ortho"))

    def backward(self, field: FloatArray, axis: int) -> FloatArray:
        match self.is_held:
            case (False, False):
                return np.asarray(fft.idct(field, type=2, axis=axis, norm="ortho"))
            case (True, True):
                return np.asarray(fft.idst(field, type=self.sine_type, axis=axis, norm="ortho"))
            case (True, False):
                return np.asarray(fft.idst(field, type=4, axis=axis, norm="ortho"))
            case _:
                return np.asarray(fft.idct(field, type=4, axis=axis, norm="ortho"))

    def eigenvalues(self) -> FloatArray:
        """Eigenvalues of minus the second difference, per minute, ``(n,)``.

        Exact but for one voxel held and the other end open, where the basis has the wall half a
        voxel off: still positive, so good enough to precondition with.
        """
        k = np.arange(self.n)
        match self.is_held:
            case (False, False):
                angle = k / (2 * self.n)
            case (True, True):
                angle = (k + 1) / (2 * (self.n + 1 if self.low == _VOXEL else self.n))
            case _:
                angle = (2 * k + 1) / (4 * self.n)
        return np.asarray(4 * self.coupling * np.sin(np.pi * angle) ** 2)


@dataclass(frozen=True, eq=False)
class _Plan:
    """What of one substrate's operator does not change from step to step."""

    inner: tuple[slice, slice, slice]
    axes: tuple[_Axis, _Axis, _Axis]
    coupling: FloatArray
    diffusion_diagonal: FloatArray
    wall_source: FloatArray
    held: FloatArray
    eigenvalues: FloatArray

    def precondition(self, residual: FloatArray, rate_per_min: float) -> FloatArray:
        """Return the residual over the operator with one rate of loss everywhere."""
        transformed = residual
        for place, axis in enumerate(self.axes):
            if axis.n > 1:
                transformed = axis.forward(transformed, place)
        transformed = transformed / (self.eigenvalues + rate_per_min)
        for place, axis in enumerate(self.axes):
            if axis.n > 1:
                transformed = axis.backward(transformed, place)
        return np.ascontiguousarray(transformed)


@lru_cache(maxsize=64)
def _plan(
    shape: tuple[int, int, int],
    spacing_um: tuple[float, float, float],
    diffusion_um2_per_min: float,
    faces: tuple[float | None, ...],
    hold: Hold,
) -> _Plan:
    strength = _FACE if hold == "face" else _VOXEL
    axes: list[_Axis] = []
    inner: list[slice] = []
    for place in range(3):
        ends = faces[2 * place : 2 * place + 2]
        if place == 2 and shape[2] == 1:
            ends = (None, None)
        low, high = (_OPEN if end is None else strength for end in ends)
        cut = slice(1 if low == _VOXEL else 0, shape[place] - 1 if high == _VOXEL else shape[place])
        if cut.stop <= cut.start:
            msg = f"no voxel is left between those held along axis {'xyz'[place]} of {shape}."
            raise ModelValueError(msg)
        inner.append(cut)
        axes.append(
            _Axis(cut.stop - cut.start, diffusion_um2_per_min / spacing_um[place] ** 2, low, high)
        )
    size = tuple(axis.n for axis in axes)
    diagonal = np.zeros(size)
    wall = np.zeros(size)
    eigenvalues = np.zeros(size)
    for place, axis in enumerate(axes):
        along = [1, 1, 1]
        along[place] = axis.n
        neighbours = np.full(axis.n, 2.0)
        neighbours[0] += axis.low - 1.0
        neighbours[-1] += axis.high - 1.0
        walls = np.zeros(axis.n)
        walls[0] += axis.low * (faces[2 * place] or 0.0)
        walls[-1] += axis.high * (faces[2 * place + 1] or 0.0)
        diagonal += (axis.coupling * neighbours).reshape(along)
        wall += (axis.coupling * walls).reshape(along)
        spectrum = axis.eigenvalues() if axis.n > 1 else axis.coupling * neighbours
        eigenvalues += spectrum.reshape(along)
    return _Plan(
        inner=(inner[0], inner[1], inner[2]),
        axes=(axes[0], axes[1], axes[2]),
        coupling=np.array([axis.coupling for axis in axes]),
        diffusion_diagonal=diagonal,
        wall_source=wall,
        held=_held_voxels(shape, faces) if hold == "voxel" else np.full(shape, np.nan),
        eigenvalues=eigenvalues,
    )


def _held_voxels(shape: tuple[int, int, int], faces: tuple[float | None, ...]) -> FloatArray:
    """Return densities of voxels along held faces, NaN elsewhere; later faces win at edges."""
    held = np.full(shape, np.nan)
    for place, value in enumerate(faces):
        axis, end = divmod(place, 2)
        if value is not None and not (axis == 2 and shape[2] == 1):
            held[(slice(None),) * axis + (-end,)] = value
    return held


def plan_of(grid: Grid, substrate: Substrate, hold: Hold) -> _Plan:
    """Return, from a small cache, what a substrate's operator keeps from step to step."""
    return _plan(
        grid.shape,
        grid.spacing_um,
        substrate.diffusion_um2_per_min,
        tuple(substrate.faces.get(face) for face in FACES),
        hold,
    )


def advance(
    density: FloatArray,
    coefficients: Coefficients,
    grid: Grid,
    substrates: Sequence[Substrate],
    dt_min: float,
    *,
    hold: Hold = "face",
    tolerance: float = TOLERANCE,
) -> Solved:
    """Return densities one step on. Stable and free of negative densities at any step.

    Parameters
    ----------
    density
        At the start of the step, ``(n_substrate, nx, ny, nz)``; not changed.
    dt_min
        Positive. Substrates that are quasi-steady do not depend on it.
    hold
        Where densities of faces are held.
    tolerance
        Norm of the residual over that of the right-hand side; positive.

    Raises
    ------
    ModelValueError
        If ``dt_min`` is not positive, or a quasi-steady substrate is never lost, so that it has no
        steady state.
    FieldNotSolvedError
        If a density is not a number, or is not found within `MAX_ITERATIONS`.
    """
    if not dt_min > 0:
        msg = f"dt_min must be positive, got {dt_min!r}."
        raise ModelValueError(msg)
    after = np.empty_like(density)
    iterations: list[int] = []
    residuals: list[float] = []
    for s, substrate in enumerate(substrates):
        n, residual = solve_substrate(
            after[s],
            density[s],
            coefficients.source[s],
            coefficients.sink_per_min[s],
            plan_of(grid, substrate, hold),
            substrate,
            0.0 if substrate.quasi_steady else 1.0 / dt_min,
            tolerance,
        )
        iterations.append(n)
        residuals.append(residual)
    return Solved(density=after, iterations=tuple(iterations), residual=tuple(residuals))


def solve_substrate(
    after: FloatArray,
    before: FloatArray,
    source: FloatArray,
    sink_per_min: FloatArray,
    plan: _Plan,
    substrate: Substrate,
    inverse_step_per_min: float,
    tolerance: float,
) -> tuple[int, float]:
    """Write one substrate's density at the end of a step into ``after``.

    Returns
    -------
    Iterations, and residual over right-hand side.
    """
    inner = plan.inner
    start = before[inner].copy()
    loss = inverse_step_per_min + substrate.decay_per_min + sink_per_min[inner]
    diagonal = plan.diffusion_diagonal + loss
    right = inverse_step_per_min * start + source[inner] + plan.wall_source
    if diagonal.min() <= 0 or (loss.max() <= 0 and plan.eigenvalues.min() <= 0):
        msg = (
            f"substrate {substrate.id} is quasi-steady but is never lost: give it a decay, uptake "
            "or a face that holds it, or let it depend on time."
        )
        raise ModelValueError(msg)
    size = float(np.sqrt(field_kernels.inner_product(right, right)))
    if not np.isfinite(size):
        msg = f"a density or a source of substrate {substrate.id} is not a finite number."
        raise FieldNotSolvedError(msg)
    np.copyto(after, plan.held, where=~np.isnan(plan.held))
    if size == 0.0:
        after[inner] = 0.0
        return 0, 0.0
    if not plan.coupling.any():
        after[inner] = right / diagonal
        return 0, 0.0
    field = start
    n, residual = _conjugate_gradients(field, right, diagonal, plan, float(loss.mean()), tolerance)
    if not residual <= tolerance:
        msg = (
            f"substrate {substrate.id}: the residual is {residual:.1e} of the right-hand side "
            f"after {n} iterations, above {tolerance:.1e}."
        )
        raise FieldNotSolvedError(msg)
    if right.min() >= 0:
        np.maximum(field, 0.0, out=field)
        lost = float(np.sum((loss + _wall_loss(plan)) * field))
        if lost > 0:
            field *= float(np.sum(right)) / lost
    after[inner] = field
    return n, residual


def _wall_loss(plan: _Plan) -> FloatArray:
    """Rate at which diffusion takes density out through held walls, per minute, by voxel."""
    loss = np.zeros_like(plan.diffusion_diagonal)
    for place, axis in enumerate(plan.axes):
        along = [1, 1, 1]
        along[place] = axis.n
        walls = np.zeros(axis.n)
        walls[0] += axis.low
        walls[-1] += axis.high
        loss += (axis.coupling * walls).reshape(along)
    return loss


def _conjugate_gradients(
    field: FloatArray,
    right: FloatArray,
    diagonal: FloatArray,
    plan: _Plan,
    mean_loss_per_min: float,
    tolerance: float,
) -> tuple[int, float]:
    """Improve ``field`` in place until the residual is small; iterations and relative residual."""
    size = float(np.sqrt(field_kernels.inner_product(right, right)))
    image = np.empty_like(field)
    field_kernels.apply_operator(field, diagonal, plan.coupling, image)
    residual = right - image
    norm = float(np.sqrt(field_kernels.inner_product(residual, residual))) / size
    if norm <= tolerance:
        return 0, norm
    towards = plan.precondition(residual, mean_loss_per_min)
    direction = towards.copy()
    strength = field_kernels.inner_product(residual, towards)
    for n in range(1, MAX_ITERATIONS + 1):
        inner = field_kernels.apply_operator(direction, diagonal, plan.coupling, image)
        squared = field_kernels.step_along(field, residual, direction, image, strength / inner)
        norm = float(np.sqrt(squared)) / size
        if norm <= tolerance:
            return n, norm
        towards = plan.precondition(residual, mean_loss_per_min)
        before, strength = strength, field_kernels.inner_product(residual, towards)
        field_kernels.turn(direction, towards, strength / before)
    return MAX_ITERATIONS, norm
