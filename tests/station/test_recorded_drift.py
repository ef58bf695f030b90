"""The rules of a white reference on recorded temperatures and lamp readings, as docs/instruments.md says."""

import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from builders import NANO, a_scan, a_white

from qc_daemon.domain.reasons import ReasonCode
from qc_daemon.domain.reference_validity import ReferenceLimits, reference_validity
from qc_daemon.domain.spectrum import ScanConditions


def recorded(folder: Path, label: str) -> list[tuple[datetime, ScanConditions]]:
    """Return times and conditions of one recorded stream, in order."""
    table = folder / "nirscan_3garments" / "samples.csv"
    with table.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == label]
    return sorted(
        (
            (
                datetime.strptime(row["datetime"], "%d/%m/%y @ %H:%M:%S").replace(tzinfo=UTC),
                ScanConditions(
                    float(row["system_temp_c"]),
                    float(row["detector_temp_c"]),
                    float(row["humidity_pct"]),
                    int(row["lamp_pd"]),
                ),
            )
            for row in rows
        ),
        key=lambda moment: moment[0],
    )


def first_due_min(qc_data: Path, label: str, reference_after_min: float) -> dict[ReasonCode, float]:
    """Return after how many minutes each rule fires first, for a reference read so long after the start."""
    stream = recorded(qc_data, label)
    start = stream[0][0] + timedelta(minutes=reference_after_min)
    rest = [(at, conditions) for at, conditions in stream if at >= start]
    taken_at, then = rest[0]
    white = replace(a_white(a_scan(200_000.0, conditions=then)), taken_at=taken_at)
    found: dict[ReasonCode, float] = {}
    for at, now in rest:
        scan = a_scan(conditions=now)
        for reason in reference_validity(white, scan, NANO, at, None, ReferenceLimits()).reasons:
            found.setdefault(reason.code, (at - taken_at).total_seconds() / 60.0)
    return found


@pytest.mark.parametrize(
    ("label", "minutes"), [("cotton", 5.2), ("polyester", 3.8), ("wool", 4.0), ("unknown", 0.4)]
)
def test_a_reference_of_a_cold_spectrometer_is_soon_due_by_temperature(
    qc_data: Path, label: str, minutes: float
) -> None:
    assert first_due_min(qc_data, label, 0.0)[ReasonCode.REFERENCE_TEMPERATURE] == pytest.approx(
        minutes, abs=0.1
    )


@pytest.mark.parametrize("label", ["polyester", "wool"])
def test_a_reference_of_a_warm_spectrometer_is_due_by_age_alone(qc_data: Path, label: str) -> None:
    found = first_due_min(qc_data, label, 15.0)
    assert set(found) == {ReasonCode.REFERENCE_AGEING}
    assert found[ReasonCode.REFERENCE_AGEING] == pytest.approx(30.0, abs=0.1)


def test_a_lamp_monitor_that_dips_asks_for_a_reference_and_refuses_nothing(qc_data: Path) -> None:
    found = first_due_min(qc_data, "cotton", 15.0)
    assert found[ReasonCode.REFERENCE_LAMP] < 1.0
    assert found[ReasonCode.REFERENCE_EXPIRED] == pytest.approx(60.0, abs=0.2)
