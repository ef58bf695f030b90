"""May a white reference still serve, should it be taken anew, or does it make a result unreferenced?

Warned of: age, a change of temperature, of the lamp or of the gain, a lost and found connection. Blocked:
no reference at all, another instrument, axis or configuration, and twice the age that is warned of.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.spectrum import InstrumentIdentity, Scan, ScanConditions, WhiteReference, same_axis


@dataclass(frozen=True, slots=True)
class ReferenceLimits:
    """How far a white reference may be from the scan that it serves.

    Attributes:
        max_age_s: older than this it blocks; older than half of it, it is due.
        temperature_change_c: a spectrometer warms up by 3 to 5 °C in the first ten minutes, as recorded, and
            its lamp drifts along.
        lamp_change_percent: change of the lamp monitor. It never blocks: recorded monitors dipped to a
            quarter while the signal stayed.
    """

    max_age_s: float = 3600.0
    temperature_change_c: float = 2.0
    lamp_change_percent: float = 1.0

    @property
    def due_age_s(self) -> float:
        """From this age on a reference should be taken anew."""
        return self.max_age_s / 2.0


class Standing(StrEnum):
    """What a white reference is good for."""

    VALID = "valid"
    WARN = "warn"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Validity:
    """The rules that fired; none if the reference is valid."""

    reasons: tuple[Reason, ...]

    @property
    def standing(self) -> Standing:
        """The worst that a rule says."""
        if any(reason.blocks_inference for reason in self.reasons):
            return Standing.BLOCK
        return Standing.WARN if self.reasons else Standing.VALID


def reference_validity(
    white: WhiteReference | None,
    scan: Scan | None,
    instrument: InstrumentIdentity,
    at: datetime,
    reconnected_at: datetime | None,
    limits: ReferenceLimits,
) -> Validity:
    """Return whether `white` may serve `scan`, and every rule that says otherwise.

    A factory reference has no age or conditions that the station could know, and was taken with the
    maker's own settings; only its axis must agree. Its source is stated in the report.

    Args:
        white: the reference; None if there is none.
        scan: what it is to serve; None to ask only what time and connection say.
        instrument: the spectrometer that measures.
        at: when it measures.
        reconnected_at: when it was last lost and found; None if never.
        limits: how far the two may be apart.
    """
    if white is None:
        return Validity((Reason(ReasonCode.NO_REFERENCE),))
    return Validity(
        (
            *_identity_reasons(white, scan, instrument),
            *(_drift_reasons(white, scan, at, reconnected_at, limits) if white.source == "tile" else ()),
        )
    )


def _identity_reasons(
    white: WhiteReference, scan: Scan | None, instrument: InstrumentIdentity
) -> Iterator[Reason]:
    if white.instrument.serial != instrument.serial:
        yield Reason(ReasonCode.REFERENCE_OTHER_INSTRUMENT, white.instrument.serial)
    if scan is None:
        return
    comparable = white.source == "factory" or white.scan.settings.comparable_with(scan.settings)
    if not (comparable and same_axis(white.scan.wavelength_nm, scan.wavelength_nm)):
        yield Reason(ReasonCode.REFERENCE_OTHER_SETTING, white.scan.settings.config_name)


def _drift_reasons(
    white: WhiteReference,
    scan: Scan | None,
    at: datetime,
    reconnected_at: datetime | None,
    limits: ReferenceLimits,
) -> Iterator[Reason]:
    age_s = (at - white.taken_at).total_seconds()
    if not 0.0 <= age_s <= limits.max_age_s:
        yield Reason(ReasonCode.REFERENCE_EXPIRED, "", age_s / 60.0, limits.max_age_s / 60.0)
    elif age_s > limits.due_age_s:
        yield Reason(ReasonCode.REFERENCE_AGEING, "", age_s / 60.0, limits.due_age_s / 60.0)
    if reconnected_at is not None and white.taken_at < reconnected_at <= at:
        yield Reason(ReasonCode.REFERENCE_RECONNECTED)
    if scan is None:
        return
    gains = white.scan.settings.pga_gain, scan.settings.pga_gain
    if gains[0] != gains[1]:
        yield Reason(ReasonCode.REFERENCE_GAIN, f"{gains[0]} → {gains[1]}")
    yield from _condition_reasons(white.scan.conditions, scan.conditions, limits)


def _condition_reasons(
    then: ScanConditions, now: ScanConditions, limits: ReferenceLimits
) -> Iterator[Reason]:
    changes_c = [
        now_c - then_c
        for then_c, now_c in (
            (then.system_temperature_c, now.system_temperature_c),
            (then.detector_temperature_c, now.detector_temperature_c),
        )
        if then_c is not None and now_c is not None
    ]
    change_c = max(changes_c, key=abs, default=0.0)
    if abs(change_c) > limits.temperature_change_c:
        yield Reason(ReasonCode.REFERENCE_TEMPERATURE, "", change_c, limits.temperature_change_c)
    lamp_then, lamp_now = then.lamp_photodiode_counts, now.lamp_photodiode_counts
    if lamp_then and lamp_now is not None:
        change_percent = 100.0 * (lamp_now - lamp_then) / lamp_then
        if abs(change_percent) > limits.lamp_change_percent:
            yield Reason(ReasonCode.REFERENCE_LAMP, "", change_percent, limits.lamp_change_percent)
