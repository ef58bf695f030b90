"""Virtual micrographs: cut fibres as a light microscope shows them lengthwise, and debris on top.

As for counting, fibres are cut to a fraction of a millimetre and strewn on a slide: a field of a
millimetre then holds enough of them to tell shares by. Each fibre is drawn in its own coordinates
(along its axis, across it) with the marks by which a microscopist tells it: cotton is a flat ribbon
with convolutions and a lumen, linen has cross-marks, viscose has lengthwise striations, nylon is a
smooth glossy rod, polyester a smooth rod with specks of delustrant, wool has cuticle scales. How many
fibres of each kind lie in the field follows from the mass shares by the arithmetic of fibre counting.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.isic_net_config import CELL_PX
from models.virtual_mill.endmembers import FIBRES
from qc_daemon.domain.arrays import frozen_array

Floats = NDArray[np.float32]

# g/cm³, the values that ISO 20706-1 and AATCC 20A use for their mass shares.
DENSITY_G_CM3: Mapping[str, float] = {
    "cotton": 1.52, "linen": 1.50, "nylon": 1.14, "polyester": 1.38, "viscose": 1.52, "wool": 1.31,
}  # fmt: skip


# Of the cut fibres. Preparations for counting are cut to some tenths of a millimetre; the range is ours.
_LENGTH_UM = (250.0, 600.0)


@dataclass(frozen=True, slots=True, eq=False)
class Micrograph:
    """A rendered field of view and what is true of it.

    Attributes:
        pixels: (height, width, 3) uint8 RGB.
        debris_mask: (height, width) bool, True where debris lies.
        um_per_pixel: scale.
        counted: number of fibres of each of `FIBRES` that reach into the field.
        covered: (rows, columns, fibres) share of each cell of `CELL_PX` pixels that fibres of each of
            `FIBRES` cover, 0..1 and more where they overlap; debris and focus aside.
    """

    pixels: NDArray[np.uint8]
    debris_mask: NDArray[np.bool_]
    um_per_pixel: float
    counted: tuple[int, ...]
    covered: NDArray[np.float32]

    def __post_init__(self) -> None:
        pixels = frozen_array(self.pixels, np.uint8, (None, None, 3), "pixels")
        object.__setattr__(self, "pixels", pixels)
        mask = frozen_array(self.debris_mask, np.bool_, pixels.shape[:2], "debris_mask")
        object.__setattr__(self, "debris_mask", mask)
        covered = frozen_array(self.covered, np.float32, (None, None, len(FIBRES)), "covered")
        object.__setattr__(self, "covered", covered)


@dataclass(frozen=True, slots=True)
class FibreForm:
    """Mean width and cross-section of a fibre.

    Attributes:
        width_um: mean width seen from above.
        width_spread: relative standard deviation of the width between fibres.
        fill: cross-section area divided by width².
    """

    width_um: float
    width_spread: float
    fill: float

    @property
    def area_um2(self) -> float:
        """Mean cross-section area in µm²."""
        return self.fill * self.width_um**2 * (1.0 + self.width_spread**2)


FORMS: Mapping[str, FibreForm] = {
    "cotton": FibreForm(17.0, 0.15, 0.38),
    "linen": FibreForm(17.0, 0.22, 0.70),
    "nylon": FibreForm(19.0, 0.06, 0.785),
    "polyester": FibreForm(14.0, 0.06, 0.785),
    "viscose": FibreForm(15.0, 0.08, 0.68),
    "wool": FibreForm(22.0, 0.20, 0.785),
}


def number_shares(shares: Mapping[str, float]) -> dict[str, float]:
    """Return the shares of fibres by number that weigh these shares by mass.

    The arithmetic of fibre counting (ISO 20706-1, AATCC 20A) turned round: mass share is n·A·ρ over
    its sum, with the mean section area A and the density ρ of each fibre.
    """
    numbers = {
        fibre: share / (FORMS[fibre].area_um2 * DENSITY_G_CM3[fibre]) for fibre, share in shares.items()
    }
    total = sum(numbers.values())
    return {fibre: number / total for fibre, number in numbers.items()}


def render_micrograph(
    shares: Mapping[str, float],
    generator: np.random.Generator,
    size_px: int = 480,
    um_per_pixel: float = 2.0,
    debris_pieces: int = 0,
) -> Micrograph:
    """Render a field of fibres with these mass shares (fibre → 0..1).

    Args:
        shares: mass shares, sum 1.
        generator: the only source of chance.
        size_px: height and width.
        um_per_pixel: scale.
        debris_pieces: how many pieces of lint, dust and hair lie on top.
    """
    scene = _draw_scene(generator)
    field = _Field(size_px, um_per_pixel)
    kinds = _draw_kinds(shares, generator, round(scene.fibres_per_mm2 * field.sown_mm2))
    colours = {fibre: _dye_colour(generator, scene.dye_depth) for fibre in sorted(set(kinds))}
    light = np.ones((size_px, size_px, 3), np.float32)
    covered = np.zeros((field.cells, field.cells, len(FIBRES)), np.float32)
    counted = dict.fromkeys(FIBRES, 0)
    for depth, layer in enumerate(np.array_split(np.array(kinds), 3)):
        for kind in layer:
            fibre = _lay_fibre(FORMS[kind], generator, field)
            if fibre.place.size:
                cover = _draw_fibre(light, fibre, _MARKS[kind], colours[kind], scene.opacity, generator)
                covered[..., FIBRES.index(kind)] += field.by_cell(fibre.place, cover)
                counted[kind] += 1
        light = _defocused(light, scene.blur_um[depth] / um_per_pixel)
    mask = np.zeros((size_px, size_px), bool)
    for _ in range(debris_pieces):
        mask |= _draw_debris(light, generator, um_per_pixel)
    pixels = _expose(light, scene, generator)
    return Micrograph(pixels, mask, um_per_pixel, tuple(counted.values()), covered)


@dataclass(frozen=True, slots=True)
class _Field:
    """A square field of view and the margin around it from which fibres reach in."""

    size_px: int
    um_per_pixel: float

    @property
    def side_um(self) -> float:
        return self.size_px * self.um_per_pixel

    @property
    def sown_um(self) -> float:
        """Side of the square that the middles of fibres are strewn over."""
        return self.side_um + _LENGTH_UM[1]

    @property
    def sown_mm2(self) -> float:
        return (self.sown_um / 1000.0) ** 2

    @property
    def cells(self) -> int:
        """Cells along one side; the last may be cut."""
        return -(-self.size_px // CELL_PX)

    def by_cell(self, place: NDArray[np.intp], cover: Floats) -> Floats:
        """Return (cells, cells) the mean of `cover` (m,) at the pixels `place` (m,)."""
        row, column = np.divmod(place, self.size_px)
        cell = row // CELL_PX * self.cells + column // CELL_PX
        summed = np.bincount(cell, cover, self.cells**2) / CELL_PX**2
        return summed.reshape(self.cells, self.cells).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What is common to a field: density, focus of three layers from back to front, light."""

    fibres_per_mm2: float
    blur_um: tuple[float, float, float]
    opacity: float
    dye_depth: float
    exposure: float
    tint: tuple[float, float, float]
    gradient: tuple[float, float]
    noise: float


@dataclass(frozen=True, slots=True, eq=False)
class _Fibre:
    """Pixels near one fibre in its own coordinates, in µm.

    `place` (m,) says which pixels of the field, `local` (m,) which of the box (rows, columns) around
    the fibre, both counted row by row; `along` and `across` (m,) where they lie on the fibre; `ends`
    (m,) is 1 between its cut ends and 0 beyond; `half_width` is that of this fibre.
    """

    place: NDArray[np.intp]
    local: NDArray[np.intp]
    box: tuple[int, int]
    along: Floats
    across: Floats
    ends: Floats
    half_width: float
    um_per_pixel: float


# What a kind of fibre looks like: (m,) local half-width in µm and (m,) transmitted light 0..1.
_Marks = Callable[[_Fibre, np.random.Generator], tuple[Floats, Floats]]


def _draw_scene(generator: np.random.Generator) -> _Scene:
    back, middle, front = np.sort(np.abs(generator.normal(0.0, [1.6, 1.0, 0.6])))[::-1] + 0.35
    warm = generator.normal(0.0, 0.04)
    return _Scene(
        fibres_per_mm2=float(generator.uniform(120.0, 190.0)),
        blur_um=(float(back), float(middle), float(front)),
        opacity=float(generator.uniform(0.6, 0.9)),
        dye_depth=float(generator.choice([0.0, generator.uniform(0.2, 1.0)], p=[0.4, 0.6])),
        exposure=float(generator.uniform(0.72, 0.88)),
        tint=(1.0 + warm, 1.0, 1.0 - warm),
        gradient=tuple(generator.normal(0.0, 0.06, 2).tolist()),
        noise=float(generator.uniform(1.0, 3.0)),
    )


def _draw_kinds(shares: Mapping[str, float], generator: np.random.Generator, count: int) -> list[str]:
    numbers = number_shares({fibre: share for fibre, share in shares.items() if share > 0.0})
    names = sorted(numbers)
    drawn = generator.choice(len(names), size=max(count, 1), p=[numbers[name] for name in names])
    return [names[index] for index in drawn]


def _dye_colour(generator: np.random.Generator, depth: float) -> Floats:
    """Return (3,) exponents: how strongly a fibre absorbs red, green and blue."""
    absorbs: Floats = (1.0 + 2.5 * depth * generator.dirichlet([0.7, 0.7, 0.7])).astype(np.float32)
    return absorbs


def _lay_fibre(form: FibreForm, generator: np.random.Generator, field: _Field) -> _Fibre:
    """Lay a cut, gently waved fibre somewhere on the slide and return the pixels that it may touch."""
    half = max(0.5 * form.width_um * (1.0 + form.width_spread * generator.normal()), 3.0)
    length = generator.uniform(*_LENGTH_UM)
    angle = generator.uniform(0.0, np.pi)
    middle = generator.uniform(-0.5, 0.5, 2) * field.sown_um + 0.5 * field.side_um  # x, y
    amplitude, bend = generator.gamma(2.0, 5.0), generator.normal(0.0, 4e-4)
    turns, phase = 2.0 * np.pi / generator.uniform(250.0, 700.0), generator.uniform(0.0, 2.0 * np.pi)
    start = generator.uniform(0.0, 1e3)
    reach = 1.3 * half + 2.0 * field.um_per_pixel
    direction = np.array([np.cos(angle), np.sin(angle)])
    aside = amplitude + abs(bend) * 0.25 * length**2 + reach
    extent = 0.5 * length * np.abs(direction) + aside
    columns, rows = (_pixels_within(field, at, by) for at, by in zip(middle, extent, strict=True))
    x = ((columns + 0.5) * field.um_per_pixel - middle[0]).astype(np.float32)[None, :]
    y = ((rows + 0.5) * field.um_per_pixel - middle[1]).astype(np.float32)[:, None]
    cos, sin = direction.astype(np.float32)
    u, v = cos * x + sin * y, cos * y - sin * x
    local = np.flatnonzero((np.abs(v) < aside) & (np.abs(u) < 0.5 * length + field.um_per_pixel))
    u, v = u.ravel()[local], v.ravel()[local]
    turn = np.float32(turns) * u + np.float32(phase)
    shift = np.float32(amplitude) * np.sin(turn) + np.float32(bend) * u * u
    slope = np.float32(amplitude * turns) * np.cos(turn) + np.float32(2.0 * bend) * u
    across = (v - shift) / np.sqrt(1.0 + slope * slope)
    near = np.abs(across) < reach
    local, u, across = local[near], u[near], across[near]
    row, column = np.divmod(local, max(len(columns), 1))
    return _Fibre(
        place=rows[row] * field.size_px + columns[column] if len(local) else local,
        local=local,
        box=(len(rows), len(columns)),
        along=u + np.float32(start),
        across=across,
        ends=np.clip((0.5 * length - np.abs(u)) / field.um_per_pixel + 0.5, 0.0, 1.0).astype(np.float32),
        half_width=float(half),
        um_per_pixel=field.um_per_pixel,
    )


def _pixels_within(field: _Field, middle_um: float, reach_um: float) -> NDArray[np.intp]:
    """Return the pixels of one axis whose middle lies within the reach, none if that is off the field."""
    first = max(0, int(np.floor((middle_um - reach_um) / field.um_per_pixel)))
    last = min(field.size_px, int(np.ceil((middle_um + reach_um) / field.um_per_pixel)))
    return np.arange(first, max(first, last), dtype=np.intp)


def _draw_fibre(
    light: Floats,
    fibre: _Fibre,
    marks: _Marks,
    colour: Floats,
    opacity: float,
    generator: np.random.Generator,
) -> Floats:
    """Multiply the fibre's transmission into `light` (height, width, 3), in place; return its cover (m,)."""
    half_width, transmitted = marks(fibre, generator)
    inside = np.clip((half_width - np.abs(fibre.across)) / fibre.um_per_pixel + 0.5, 0.0, 1.0)
    cover: Floats = (inside * fibre.ends).astype(np.float32)
    flat = light.reshape(-1, 3)
    below = flat[fibre.place]
    depth = np.log(np.clip(transmitted, 0.05, 1.3))[:, None] * colour
    seen = np.exp(depth + np.float32(1.0 - opacity) * np.log(below))
    flat[fibre.place] = below + cover[:, None] * (seen - below)
    return cover


def _rod(across: Floats, half_width: Floats | float, edge: float, gloss: float) -> Floats:
    """Return the light through a round rod: dark at the edges, a bright line in the middle."""
    q = np.minimum(np.abs(across) / half_width, 1.0)
    body = 0.80 + gloss * np.exp(-((q / 0.35) ** 2)) - edge * np.exp(-(((1.0 - q) / 0.16) ** 2))
    light: Floats = body.astype(np.float32)
    return light


def _wave(along: Floats, generator: np.random.Generator, period_um: float, rough: float) -> Floats:
    """Return a phase (m,) that grows by 2π a period, with the period wandering by `rough`."""
    span = np.arange(along.min() - period_um, along.max() + 2 * period_um, period_um / 4.0)
    steps = np.exp(rough * generator.normal(size=len(span)))
    phase = np.cumsum(steps / steps.mean()) * (np.pi / 2.0)
    return np.interp(along, span, phase).astype(np.float32)


def _cotton(fibre: _Fibre, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Flat ribbon: it narrows where it turns over, its edge crosses there, its lumen follows."""
    turn = _wave(fibre.along, generator, generator.uniform(110.0, 240.0), 0.7)
    turn = turn * np.float32(generator.choice([-1.0, 1.0]))
    face = np.cos(turn)
    half = fibre.half_width * (0.42 + 0.58 * np.abs(face))
    q = fibre.across / half
    light = 0.84 - 0.42 * np.exp(-(((1.0 - np.abs(q)) / 0.17) ** 2))
    rolled_edge = (fibre.across - 0.8 * fibre.half_width * face) / fibre.um_per_pixel
    light -= 0.40 * np.exp(-((rolled_edge / 1.3) ** 2))
    lumen = (q - 0.35 * np.sin(turn)) / 0.22
    light += (0.12 * np.abs(face)) * np.exp(-(lumen**2)) - 0.14 * np.exp(-((np.abs(lumen) - 1.4) ** 2) / 0.15)
    return half.astype(np.float32), light.astype(np.float32)


def _linen(fibre: _Fibre, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Straight bast fibre: swollen cross-marks at irregular distances, a thin lumen, thick walls."""
    nodes = np.cumsum(generator.gamma(3.0, 16.0, 40)) + fibre.along.min() - 60.0
    nearest = nodes[np.clip(np.searchsorted(nodes, fibre.along), 1, len(nodes) - 1)]
    before = nodes[np.clip(np.searchsorted(nodes, fibre.along) - 1, 0, len(nodes) - 1)]
    gap = np.where(nearest - fibre.along < fibre.along - before, fibre.along - nearest, fibre.along - before)
    half = fibre.half_width * (1.0 + 0.14 * np.exp(-((gap / 4.0) ** 2)))
    q = fibre.across / half
    light = 0.82 - 0.40 * np.exp(-(((1.0 - np.abs(q)) / 0.15) ** 2))
    for tilt in (0.35, -0.35):
        light -= 0.38 * np.exp(-(((gap - tilt * fibre.across) / 1.4) ** 2))
    light -= 0.22 * np.exp(-((q / 0.10) ** 2))
    light += 0.05 * np.sin(9.0 * q + generator.uniform(0.0, 6.0))
    return half.astype(np.float32), light.astype(np.float32)


def _nylon(fibre: _Fibre, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Smooth, even, glossy rod."""
    half = np.full(len(fibre.along), fibre.half_width, np.float32)
    return half, _rod(fibre.across, fibre.half_width, 0.45, generator.uniform(0.22, 0.34))


def _polyester(fibre: _Fibre, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Smooth, even rod with specks of titanium dioxide."""
    half = np.full(len(fibre.along), fibre.half_width, np.float32)
    light = _rod(fibre.across, fibre.half_width, 0.45, 0.10)
    return half, light - _specks(fibre, generator, generator.uniform(0.012, 0.04))


def _viscose(fibre: _Fibre, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Serrated skin: several dark lines run along the fibre."""
    half = np.full(len(fibre.along), fibre.half_width, np.float32)
    q = fibre.across / fibre.half_width
    light = 0.86 - 0.40 * np.exp(-(((1.0 - np.abs(q)) / 0.14) ** 2))
    fine = 0.075
    seen = max(fine, 0.6 * fibre.um_per_pixel / fibre.half_width)  # a pixel blurs what is finer
    lines = np.linspace(-0.72, 0.72, int(generator.integers(3, 6)))
    for line in lines + generator.normal(0.0, 0.07, len(lines)):
        sway = 0.05 * np.sin(fibre.along / generator.uniform(40.0, 120.0) + generator.uniform(0.0, 6.0))
        depth = generator.uniform(0.2, 0.42)
        light -= depth * fine / seen * np.exp(-(((q - line - sway) / seen) ** 2))
    return half, light.astype(np.float32)


def _wool(fibre: _Fibre, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Overlapping cuticle scales: irregular cross-lines whose ends jut out of the outline."""
    q = fibre.across / fibre.half_width
    lean = generator.uniform(-0.25, 0.25)
    arch = generator.uniform(2.0, 5.0) * q**2 + lean * fibre.across
    ripple = 1.4 * np.sin(5.0 * q + generator.uniform(0.0, 6.0))
    phase = _wave(fibre.along + arch + ripple, generator, generator.uniform(9.0, 14.0), 0.45)
    tooth = np.mod(phase / (2.0 * np.pi), 1.0)
    half = fibre.half_width * (0.97 + 0.08 * tooth)
    light = 0.80 - 0.34 * np.exp(-(((1.0 - np.abs(fibre.across / half)) / 0.16) ** 2))
    light -= 0.42 * np.exp(-(((1.0 - tooth) / 0.13) ** 2)) - 0.10 * np.exp(-((tooth / 0.2) ** 2))
    return half.astype(np.float32), light.astype(np.float32)


_MARKS: Mapping[str, _Marks] = {
    "cotton": _cotton,
    "linen": _linen,
    "nylon": _nylon,
    "polyester": _polyester,
    "viscose": _viscose,
    "wool": _wool,
}


def _specks(fibre: _Fibre, generator: np.random.Generator, per_um2: float) -> Floats:
    """Return (m,) darkness of small particles inside a fibre."""
    count = generator.poisson(per_um2 * len(fibre.place) * fibre.um_per_pixel**2)
    dark = np.zeros(fibre.box, np.float32)
    hit = fibre.local[generator.integers(0, len(fibre.local), count)]
    dark.ravel()[hit] = generator.uniform(0.5, 1.6, count)
    blurred: Floats = _defocused(dark, 0.65 / fibre.um_per_pixel).ravel()[fibre.local]
    return blurred


def _defocused(light: Floats, sigma_px: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(light, (0, 0), max(sigma_px, 0.2)), np.float32)


def _draw_debris(light: Floats, generator: np.random.Generator, um_per_pixel: float) -> NDArray[np.bool_]:
    """Draw a piece of dust, lint or hair into `light` in place and return where it lies."""
    size = light.shape[0]
    cover = np.zeros((size, size), np.uint8)
    kind = generator.choice(3, p=[0.5, 0.35, 0.15])
    start = generator.uniform(0.0, size, 2)
    if kind == 0:
        radius = generator.uniform(4.0, 16.0) / um_per_pixel
        turns = np.linspace(0.0, 2.0 * np.pi, 14, endpoint=False)
        reach = radius * np.exp(generator.normal(0.0, 0.25, len(turns)))
        outline = start + np.stack([reach * np.cos(turns), reach * np.sin(turns)], axis=1)
        cv2.fillPoly(cover, [np.rint(outline).astype(np.int32)], (255.0,), cv2.LINE_AA)
    else:
        length, width = ((60.0, 200.0), (3.0, 7.0)) if kind == 1 else ((250.0, 600.0), (18.0, 34.0))
        bend = 0.35 if kind == 1 else 0.06
        headings = generator.uniform(0.0, 6.28) + np.cumsum(generator.normal(0.0, bend, 24))
        step = generator.uniform(*length) / um_per_pixel / 24.0
        path = start + np.cumsum(step * np.stack([np.cos(headings), np.sin(headings)], axis=1), axis=0)
        thick = max(1, round(generator.uniform(*width) / um_per_pixel))
        cv2.polylines(cover, [np.rint(path).astype(np.int32)], False, (255.0,), thick, cv2.LINE_AA)
    alpha = _defocused(cover.astype(np.float32) / 255.0, generator.uniform(0.5, 1.4))
    colour = (generator.uniform(0.04, 0.45) * generator.uniform(0.7, 1.3, 3)).astype(np.float32)
    light += alpha[..., None] * (colour - light)
    mask: NDArray[np.bool_] = alpha > 0.15
    return mask


def _expose(light: Floats, scene: _Scene, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Turn transmitted light into a camera's 8-bit RGB: uneven lamp, white balance, gamma, noise."""
    size = light.shape[0]
    line = np.linspace(-1.0, 1.0, size, dtype=np.float32)
    lamp = 1.0 + scene.gradient[0] * line[:, None] + scene.gradient[1] * line[None, :]
    lamp = lamp - 0.06 * (line[:, None] ** 2 + line[None, :] ** 2)
    image = light * (255.0 * scene.exposure) * lamp[..., None] * np.array(scene.tint, np.float32)
    image = image + scene.noise * generator.standard_normal(light.shape, dtype=np.float32)
    pixels: NDArray[np.uint8] = np.clip(np.rint(image), 0.0, 255.0).astype(np.uint8)
    return pixels
