"""Quality gates: may this scan, this reference, this frame be used? Each "no" is a `Reason`.

The limits are defaults measured on real scans and frames, with their source beside them; a
station may set its own in the configuration.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.spectrum import InstrumentIdentity, Scan, Spectrum, WhiteReference, same_axis

# Kernel of a Gaussian of σ = 2 px: sensor noise must not pass for sharpness (a flat grey image with
# noise scores higher than sharp fabric without it). The Laplacian of white noise falls with σ⁻⁶, that
# of fibres, which are several pixels wide, hardly at all.
_SMOOTHING = np.exp(-0.5 * (np.arange(-6, 7) / 2.0) ** 2)
_SMOOTHING /= _SMOOTHING.sum()
_FOCUS_TILES = 4


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """Limits of a usable scan.

    Attributes:
        saturated_share: counts at or above this share of full scale are saturated (NIRscan Nano:
            auto-gain aims at 0.90, the converter clips at 1).
        no_specimen_absorbance: an empty view of the NIRscan Nano reads 1.04..1.62 with little shape.
        no_specimen_spread: spread (5th to 95th percentile) below which absorbance has no shape.
        min_valid_share: least share of bands that must carry an absorbance.
        max_reference_age_s: a white reference older than this is not used.
    """

    saturated_share: float = 0.98
    no_specimen_absorbance: float = 1.0
    no_specimen_spread: float = 0.8
    min_valid_share: float = 0.9
    max_reference_age_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """Limits of a usable frame.

    Attributes:
        max_age_s: a frame captured longer than this before or after the trigger is stale.
        max_repeats: bit-identical frames in a row; sensor noise makes that impossible.
        min_contrast: standard deviation of grey below which a frame shows nothing.
        min_focus: least `focus_measure`. It finds gross defocus only (blur of 6 px or more on fibre
            micrographs: sharp ones read 8e-5 to 8e-4 on the virtual mill and 5e-6 to 2e-5 on dark-ground
            cross-sections, blurred by 6 px they read below 8e-6 and 1e-6); sharpness depends on the
            article, so a finer limit needs a baseline of the same article.
        max_clipped_percent: pixels at 0 or at 255, each side.
        max_filled_percent: above this share of filled debris a frame is not measurable.
    """

    max_age_s: float = 10.0
    max_repeats: int = 2
    min_contrast: float = 2.0
    min_focus: float = 4e-6
    max_clipped_percent: float = 0.5
    max_filled_percent: float = 30.0


def assess_reference(
    white: WhiteReference | None,
    scan: Scan,
    instrument: InstrumentIdentity,
    at: datetime,
    limits: ScanLimits,
) -> Iterator[Reason]:
    """Yield what forbids to use `white` for a scan taken `at` that time.

    A factory reference has no age that the station could know, and was taken with the maker's own
    settings; only its axis must agree. Its source is stated in the report.
    """
    if white is None:
        yield Reason(ReasonCode.NO_REFERENCE)
        return
    if white.instrument.serial != instrument.serial:
        yield Reason(ReasonCode.REFERENCE_OTHER_INSTRUMENT, white.instrument.serial)
    comparable = white.source == "factory" or white.scan.settings.comparable_with(scan.settings)
    if not (comparable and same_axis(white.scan.wavelength_nm, scan.wavelength_nm)):
        yield Reason(ReasonCode.REFERENCE_OTHER_SETTING, white.scan.settings.config_name)
    age_s = (at - white.taken_at).total_seconds()
    if white.source == "tile" and not 0.0 <= age_s <= limits.max_reference_age_s:
        yield Reason(ReasonCode.REFERENCE_EXPIRED, "", age_s / 60.0, limits.max_reference_age_s / 60.0)


def assess_scan(scan: Scan, limits: ScanLimits) -> Iterator[Reason]:
    """Yield what the raw counts forbid."""
    share = float(scan.counts.max()) / scan.full_scale_counts
    if share >= limits.saturated_share:
        yield Reason(ReasonCode.SATURATED, "", 100.0 * share, 100.0 * limits.saturated_share)
    if float(scan.net_counts.max()) <= 0.0:
        yield Reason(ReasonCode.LOW_SIGNAL)


def assess_spectrum(spectrum: Spectrum, limits: ScanLimits) -> Iterator[Reason]:
    """Yield what the absorbance forbids: too few bands, or nothing in front of the window."""
    if spectrum.valid_share < limits.min_valid_share:
        yield Reason(
            ReasonCode.TOO_FEW_BANDS, "", 100.0 * spectrum.valid_share, 100.0 * limits.min_valid_share
        )
        return
    absorbance = spectrum.absorbance[spectrum.valid]
    low, middle, high = np.percentile(absorbance, [5, 50, 95])
    if middle > limits.no_specimen_absorbance:
        flat = high - low < limits.no_specimen_spread
        code = ReasonCode.NO_SPECIMEN if flat else ReasonCode.LOW_SIGNAL
        yield Reason(code, "", float(middle), limits.no_specimen_absorbance)


def assess_frame(frame: Frame, triggered_monotonic_s: float, limits: FrameLimits) -> Iterator[Reason]:
    """Yield what forbids to use a frame: old, frozen, empty, clipped, out of focus."""
    age_s = abs(frame.captured_monotonic_s - triggered_monotonic_s)
    if age_s > limits.max_age_s:
        yield Reason(ReasonCode.FRAME_STALE, "", age_s, limits.max_age_s)
    if frame.repeats > limits.max_repeats:
        yield Reason(ReasonCode.FRAME_FROZEN, "", frame.repeats, limits.max_repeats)
    grey = grey_levels(frame.pixels)
    contrast = float(grey.std())
    if contrast < limits.min_contrast:
        yield Reason(ReasonCode.FRAME_UNIFORM, "", contrast, limits.min_contrast)
        return
    clipped = 100.0 * max(float(np.mean(grey <= 0)), float(np.mean(grey >= 255)))
    if clipped > limits.max_clipped_percent:
        yield Reason(ReasonCode.CLIPPED, "", clipped, limits.max_clipped_percent)
    focus = focus_measure(grey)
    if focus < limits.min_focus:
        yield Reason(ReasonCode.UNFOCUSED, "", focus, limits.min_focus)


def assess_cleaned(image: CleanedImage, limits: FrameLimits) -> Iterator[Reason]:
    """Yield a reason if so much was filled that the rest does not speak for the specimen."""
    if image.filled_percent > limits.max_filled_percent:
        yield Reason(ReasonCode.TOO_MUCH_DEBRIS, "", image.filled_percent, limits.max_filled_percent)


def grey_levels(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return (height, width) luma 0..255 of (height, width, 3) RGB (ITU-R BT.601 weights)."""
    weights = np.array([0.299, 0.587, 0.114])
    levels: NDArray[np.float64] = np.rint(pixels.astype(np.float64) @ weights)
    return levels


def focus_measure(grey: NDArray[np.float64]) -> float:
    """Return the median over tiles of var(Laplacian of the smoothed image) / mean²: exposure-free.

    The variance of the Laplacian is the usual sharpness measure; dividing by the squared mean
    takes exposure out, smoothing takes sensor noise out, and the median over 4 x 4 tiles keeps a
    single sharp fibre in a blurred field from passing for focus.
    """
    smooth = _smoothed(_smoothed(grey).T).T
    laplacian = (
        smooth[:-2, 1:-1] + smooth[2:, 1:-1] + smooth[1:-1, :-2] + smooth[1:-1, 2:]
        - 4.0 * smooth[1:-1, 1:-1]
    )  # fmt: skip
    scores = [
        float(tile.var()) / max(float(level.mean()), 1.0) ** 2
        for tile, level in zip(_tiles(laplacian), _tiles(smooth[1:-1, 1:-1]), strict=True)
    ]
    return float(np.median(scores))


def _smoothed(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    length = grey.shape[1] - len(_SMOOTHING) + 1
    total = np.zeros((grey.shape[0], max(length, 1)))
    for offset, weight in enumerate(_SMOOTHING):
        total += weight * grey[:, offset : offset + max(length, 1)]
    return total


def _tiles(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [
        tile
        for band in np.array_split(values, _FOCUS_TILES, axis=0)
        for tile in np.array_split(band, _FOCUS_TILES, axis=1)
    ]
