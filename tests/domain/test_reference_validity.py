"""Each rule of a white reference, at both sides of its boundary."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from builders import AXIS_NM, NANO, NOON, a_scan, a_white

from qc_daemon.domain.reasons import ReasonCode
from qc_daemon.domain.reference_validity import ReferenceLimits, Standing, Validity, reference_validity
from qc_daemon.domain.spectrum import Scan, ScanConditions, WhiteReference
from reports.reason_wording import reason_sentence

LIMITS = ReferenceLimits(max_age_s=3600.0, temperature_change_c=2.0, lamp_change_percent=1.0)
THEN = a_white().scan.conditions
SETTINGS = a_white().scan.settings


def validity(
    white: WhiteReference | None = None,
    scan: Scan | None = None,
    after_s: float = 60.0,
    reconnected_at: datetime | None = None,
) -> Validity:
    at = NOON + timedelta(seconds=after_s)
    return reference_validity(white or a_white(), scan or a_scan(), NANO, at, reconnected_at, LIMITS)


def seen(**changes: Any) -> Scan:
    return a_scan(conditions=replace(THEN, **changes))


def set_to(**changes: Any) -> Scan:
    return a_scan(settings=replace(SETTINGS, **changes))


@pytest.mark.parametrize(
    ("after_s", "standing", "codes"),
    [
        (0.0, Standing.VALID, []),
        (1800.0, Standing.VALID, []),
        (1800.1, Standing.WARN, [ReasonCode.REFERENCE_AGEING]),
        (3600.0, Standing.WARN, [ReasonCode.REFERENCE_AGEING]),
        (3600.1, Standing.BLOCK, [ReasonCode.REFERENCE_EXPIRED]),
        (-0.1, Standing.BLOCK, [ReasonCode.REFERENCE_EXPIRED]),
    ],
)
def test_age_warns_at_half_of_what_blocks(
    after_s: float, standing: Standing, codes: list[ReasonCode]
) -> None:
    found = validity(after_s=after_s)
    assert (found.standing, [reason.code for reason in found.reasons]) == (standing, codes)


@pytest.mark.parametrize(
    ("scan", "code"),
    [
        (seen(system_temperature_c=33.0), None),
        (seen(system_temperature_c=33.1), ReasonCode.REFERENCE_TEMPERATURE),
        (seen(system_temperature_c=28.9), ReasonCode.REFERENCE_TEMPERATURE),
        (seen(detector_temperature_c=31.1), ReasonCode.REFERENCE_TEMPERATURE),
        (seen(system_temperature_c=None, detector_temperature_c=None), None),
        (seen(lamp_photodiode_counts=3838), None),
        (seen(lamp_photodiode_counts=3839), ReasonCode.REFERENCE_LAMP),
        (seen(lamp_photodiode_counts=3761), ReasonCode.REFERENCE_LAMP),
        (seen(lamp_photodiode_counts=904), ReasonCode.REFERENCE_LAMP),
        (seen(lamp_photodiode_counts=None), None),
        (set_to(pga_gain=16), ReasonCode.REFERENCE_GAIN),
    ],
)
def test_a_change_of_conditions_warns_and_never_blocks(scan: Scan, code: ReasonCode | None) -> None:
    found = validity(scan=scan)
    assert [reason.code for reason in found.reasons] == ([] if code is None else [code])
    assert found.standing is (Standing.VALID if code is None else Standing.WARN)


@pytest.mark.parametrize(
    ("seconds", "standing"),
    [(0.0, Standing.VALID), (0.1, Standing.WARN), (60.0, Standing.WARN), (60.1, Standing.VALID)],
)
def test_a_reconnection_counts_between_reference_and_measurement(seconds: float, standing: Standing) -> None:
    assert validity(reconnected_at=NOON + timedelta(seconds=seconds)).standing is standing


@pytest.mark.parametrize(
    ("white", "scan", "code"),
    [
        (None, set_to(config_name="Column 2"), ReasonCode.REFERENCE_OTHER_SETTING),
        (None, set_to(scans_averaged=2), ReasonCode.REFERENCE_OTHER_SETTING),
        (None, a_scan(wavelength_nm=AXIS_NM + 0.02), ReasonCode.REFERENCE_OTHER_SETTING),
        (a_white(instrument=replace(NANO, serial="1")), None, ReasonCode.REFERENCE_OTHER_INSTRUMENT),
    ],
)
def test_another_instrument_axis_or_configuration_blocks(
    white: WhiteReference | None, scan: Scan | None, code: ReasonCode
) -> None:
    found = validity(white, scan)
    assert found.standing is Standing.BLOCK
    assert [reason.code for reason in found.reasons] == [code]


def test_an_axis_that_moved_less_than_a_hundredth_of_a_nanometre_serves() -> None:
    assert validity(scan=a_scan(wavelength_nm=AXIS_NM + 0.005)).standing is Standing.VALID


def test_no_reference_blocks() -> None:
    found = reference_validity(None, a_scan(), NANO, NOON, None, LIMITS)
    assert found.standing is Standing.BLOCK
    assert [reason.code for reason in found.reasons] == [ReasonCode.NO_REFERENCE]


def test_a_factory_reference_has_no_age_no_conditions_and_the_makers_settings() -> None:
    maker = replace(SETTINGS, config_name="SystemTest", scans_averaged=30, pga_gain=16)
    cold = ScanConditions(20.0, 20.0, 20.0, 3000)
    factory = a_white(a_scan(200_000.0, settings=maker, conditions=cold), source="factory")
    assert validity(factory, after_s=1e7, reconnected_at=NOON).standing is Standing.VALID


def test_without_a_scan_only_time_and_connection_speak() -> None:
    at = NOON + timedelta(seconds=1801)
    found = reference_validity(a_white(), None, NANO, at, at, LIMITS)
    assert [reason.code for reason in found.reasons] == [
        ReasonCode.REFERENCE_AGEING,
        ReasonCode.REFERENCE_RECONNECTED,
    ]


def test_each_rule_has_its_words_and_figures_in_both_languages() -> None:
    hot = validity(scan=seen(system_temperature_c=34.5, lamp_photodiode_counts=3700), after_s=2400.0)
    assert [reason_sentence(reason, "en") for reason in hot.reasons] == [
        "Remark: the white reference is due (40 min old, due at 30 min).",
        "Remark: the temperature of the spectrometer has changed since the white reference"
        " (+3.5 °C, limit 2.0 °C).",
        "Remark: the lamp has changed since the white reference (-2.6 %, limit 1.0 %).",
    ]
    assert reason_sentence(hot.reasons[0], "zh") == "备注：应重新测量白参考（已过 40 分钟，期限 30 分钟）。"
    expired = validity(after_s=7200.0).reasons[0]
    assert reason_sentence(expired, "en").startswith("Unreferenced: the white reference has expired (120 min")
