"""The pictures of an inspection for a screen: the spectrum as SVG, the micrograph as JPEG with an overlay."""

from dataclasses import dataclass

import numpy as np

from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.inspection import Acquisition, Conclusion
from reports.charts import SpectrumChart, spectrum_chart
from reports.micrograph import Micrograph, draw_micrograph
from reports.record import measured_spectrum

_WIDTH, _HEIGHT = 900, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 44, 14, 44
_OVERLAY = 1000  # width of the overlay's own units


@dataclass(frozen=True, slots=True)
class ScreenImage:
    """A micrograph for a screen: JPEG with debris outlined, and an SVG that lies over it.

    Attributes:
        aspect: height / width.
    """

    jpeg: bytes
    aspect: float
    overlay_svg: str


def spectrum_svg(acquisition: Acquisition, conclusion: Conclusion | None) -> str:
    """Return absorbance over wavelength in nm with the windows that the model looked at; "" if none."""
    spectrum = measured_spectrum(acquisition)
    if spectrum is None:
        return ""
    composition = conclusion.composition if conclusion else None
    chart = spectrum_chart(spectrum, composition.evidence if composition else None)
    parts = [*_windows(chart), *_axes(chart), *_curves(chart)]
    return (
        f'<svg class="spectrum" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="spectrum-title">'
        f"{''.join(parts)}</svg>"
    )


def micrograph_on_screen(acquisition: Acquisition, conclusion: Conclusion | None) -> ScreenImage | None:
    """Return the micrograph with debris, defects and kept regions marked; None if there is no frame."""
    image = conclusion.cleaned if conclusion else None
    if image is None and acquisition.frame is not None:
        image = _uncleaned(acquisition.frame)
    if image is None:
        return None
    composition = conclusion.composition if conclusion else None
    defects = conclusion.defects if conclusion else ()
    drawn = draw_micrograph(image, composition.evidence if composition else None, defects)
    return ScreenImage(drawn.jpeg, drawn.aspect, _overlay(drawn))


def _uncleaned(frame: Frame) -> CleanedImage:
    nothing = np.zeros(frame.pixels.shape[:2], dtype=np.bool_)
    return CleanedImage(frame.pixels, frame.pixels, nothing, frame.um_per_pixel, "none")


def _x(fraction: float) -> float:
    return _LEFT + fraction * (_WIDTH - _LEFT - _RIGHT)


def _y(fraction: float) -> float:
    return _HEIGHT - _BOTTOM - fraction * (_HEIGHT - _TOP - _BOTTOM)


def _windows(chart: SpectrumChart) -> list[str]:
    return [
        f'<rect class="window" x="{_x(window.left):.1f}" y="{_TOP}" '
        f'width="{_x(window.right) - _x(window.left):.1f}" height="{_HEIGHT - _TOP - _BOTTOM}" '
        f'fill-opacity="{0.5 * window.strength:.3f}"/>'
        for window in chart.windows
    ]


def _axes(chart: SpectrumChart) -> list[str]:
    floor, left = _HEIGHT - _BOTTOM, _LEFT
    lines = [f'<path class="axis" d="M{left} {_TOP}V{floor}H{_WIDTH - _RIGHT}"/>']
    for tick in chart.x_ticks:
        lines.append(f'<path class="grid" d="M{_x(tick.at):.1f} {_TOP}V{floor + 6}"/>')
        lines.append(f'<text x="{_x(tick.at):.1f}" y="{floor + 32}" text-anchor="middle">{tick.text}</text>')
    for tick in chart.y_ticks:
        lines.append(f'<path class="grid" d="M{left - 6} {_y(tick.at):.1f}H{_WIDTH - _RIGHT}"/>')
        lines.append(f'<text x="{left - 12}" y="{_y(tick.at) + 8:.1f}" text-anchor="end">{tick.text}</text>')
    lines.append(f'<text x="{_WIDTH - 4}" y="{floor - 10}" text-anchor="end">nm</text>')
    return lines


def _curves(chart: SpectrumChart) -> list[str]:
    return [
        '<polyline class="curve" points="'
        + " ".join(f"{_x(right):.1f},{_y(up):.1f}" for right, up in line)
        + '"/>'
        for line in chart.lines
    ]


def _overlay(drawn: Micrograph) -> str:
    height = _OVERLAY * drawn.aspect
    boxes = [
        f'<rect class="region" x="{box.x * _OVERLAY:.1f}" y="{box.y * height:.1f}" '
        f'width="{box.width * _OVERLAY:.1f}" height="{box.height * height:.1f}"/>'
        for box in drawn.regions
    ]
    for box in drawn.boxes:
        x, y = box.x * _OVERLAY, box.y * height
        boxes.append(
            f'<rect class="defect" x="{x:.1f}" y="{y:.1f}" '
            f'width="{box.width * _OVERLAY:.1f}" height="{box.height * height:.1f}"/>'
            f'<text class="defect-number" x="{x:.1f}" y="{max(y - 8, 34):.1f}">{box.number}</text>'
        )
    bar = drawn.scale_bar
    right, floor = _OVERLAY - 24, height - 24
    boxes.append(
        f'<path class="scale" d="M{right - bar.length * _OVERLAY:.1f} {floor:.1f}H{right}"/>'
        f'<text class="scale-text" x="{right}" y="{floor - 14:.1f}" text-anchor="end">{bar.text}</text>'
    )
    drawn_boxes = "".join(boxes)
    return (
        f'<svg class="overlay" viewBox="0 0 {_OVERLAY} {height:.0f}" aria-hidden="true">{drawn_boxes}</svg>'
    )
