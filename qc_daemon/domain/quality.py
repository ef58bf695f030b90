"""Quality gates: may this scan, this frame be used? Each "no" is a `Reason`.

The limits are defaults measured on real scans and frames, with their source beside them; a
station may set its own in the configuration.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.focus import focus_measure, grey_levels
from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.spectrum import Scan, Spectrum


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """Limits of a usable scan.

    Attributes:
        saturated_share: counts at or above this share of full scale are saturated (NIRscan Nano:
            auto-gain aims at 0.90, the converter clips at 1).
        no_specimen_absorbance: an empty view of the NIRscan Nano reads 1.04..1.62 with little shape.
        no_specimen_spread: spread (5th to 95th percentile) below which absorbance has no shape.
        min_valid_share: least share of bands that must carry an absorbance.
        clock_difference_s: an instrument's clock is set when it is opened; a quartz of 100 in a million needs
            a month to run off by so much.
    """

    saturated_share: float = 0.98
    no_specimen_absorbance: float = 1.0
    no_specimen_spread: float = 0.8
    min_valid_share: float = 0.9
    clock_difference_s: float = 300.0


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """Limits of a usable frame.

    Attributes:
        max_delay_s: a frame captured longer than this after the trigger shows another specimen; one from
            before the trigger always does.
        max_repeats: frames in a row that showed a picture seen before; sensor noise makes one impossible.
        min_contrast: standard deviation of grey below which a frame shows nothing.
        min_mean, max_mean: mean grey between which an exposure is usable.
        max_clipped_percent: pixels at 0 or at 255, each side.
        min_focus: least `focus_measure`. It finds gross defocus only (blur of 6 px or more on fibre
            micrographs: sharp ones read 8e-5 to 8e-4 on the virtual mill and 5e-6 to 2e-5 on dark-ground
            cross-sections, blurred by 6 px they read below 8e-6 and 1e-6); sharpness depends on the
            article, so the station asks for more once it knows an article (`qc_daemon/article_focus.py`).
        max_filled_percent: above this share of filled debris a frame is not measurable.
    """

    max_delay_s: float = 10.0
    max_repeats: int = 0
    min_contrast: float = 2.0
    min_mean: float = 30.0
    max_mean: float = 220.0
    max_clipped_percent: float = 0.5
    min_focus: float = 4e-6
    max_filled_percent: float = 30.0


def assess_scan(scan: Scan, limits: ScanLimits) -> Iterator[Reason]:
    """Yield what the raw counts forbid."""
    share = float(scan.counts.max()) / scan.full_scale_counts
    if share >= limits.saturated_share:
        yield Reason(ReasonCode.SATURATED, "", 100.0 * share, 100.0 * limits.saturated_share)
    if float(scan.net_counts.max()) <= 0.0:
        yield Reason(ReasonCode.LOW_SIGNAL)


def assess_clocks(scan: Scan, at: datetime, limits: ScanLimits) -> Iterator[Reason]:
    """Say whether the instrument's own clock shows another time than the station's.

    Both were set alike when the instrument was opened, so one of them was set since.

    Args:
        scan: what the instrument dated.
        at: when the station says that it was taken.
        limits: how far the two may be apart.
    """
    if scan.device_at is None:
        return
    difference_s = (at - scan.device_at).total_seconds()
    if abs(difference_s) > limits.clock_difference_s:
        yield Reason(ReasonCode.CLOCKS_DISAGREE, "", difference_s, limits.clock_difference_s)


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
    """Yield what forbids to use a frame: old, frozen, empty, badly exposed, out of focus."""
    delay_s = frame.captured_monotonic_s - triggered_monotonic_s
    if not 0.0 <= delay_s <= limits.max_delay_s:
        yield Reason(ReasonCode.FRAME_STALE, "", abs(delay_s), limits.max_delay_s if delay_s > 0 else 0.0)
    if frame.repeats > limits.max_repeats:
        yield Reason(ReasonCode.FRAME_FROZEN, "", frame.repeats, limits.max_repeats)
    grey = grey_levels(frame.pixels)
    yield from _assess_exposure(grey, limits)
    contrast = float(grey.std())
    if contrast < limits.min_contrast:
        yield Reason(ReasonCode.FRAME_UNIFORM, "", contrast, limits.min_contrast)
        return
    focus = focus_measure(grey)
    if focus < limits.min_focus:
        yield Reason(ReasonCode.UNFOCUSED, "", focus, limits.min_focus)


def assess_cleaned(image: CleanedImage, limits: FrameLimits) -> Iterator[Reason]:
    """Yield a reason if so much was filled that the rest does not speak for the specimen."""
    if image.filled_percent > limits.max_filled_percent:
        yield Reason(ReasonCode.TOO_MUCH_DEBRIS, "", image.filled_percent, limits.max_filled_percent)


def _assess_exposure(grey: NDArray[np.float64], limits: FrameLimits) -> Iterator[Reason]:
    mean = float(grey.mean())
    if mean < limits.min_mean:
        yield Reason(ReasonCode.UNDEREXPOSED, "", mean, limits.min_mean)
    if mean > limits.max_mean:
        yield Reason(ReasonCode.OVEREXPOSED, "", mean, limits.max_mean)
    clipped = 100.0 * max(float(np.mean(grey <= 0)), float(np.mean(grey >= 255)))
    if clipped > limits.max_clipped_percent:
        yield Reason(ReasonCode.CLIPPED, "", clipped, limits.max_clipped_percent)
