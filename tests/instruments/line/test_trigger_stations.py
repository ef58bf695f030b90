"""Each trigger end to end: a station, its spectrometer and its line device, each in its own process."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from line_kit import until
from station_kit import RunningStation, running_station

from instruments.emulators.process import EmulatorProcess
from qc_daemon.wiring.lines import write_scans_as_tape


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from models.virtual_mill.specimens import write_mill

    folder = tmp_path_factory.mktemp("fabric")
    return write_scans_as_tape(write_mill(folder / "mill", 2, 3), folder, "VIRTUAL")[0]


def plc_sections(plc: EmulatorProcess) -> str:
    return (
        '[line]\ntrigger = "plc"\ninterval_s = 0.2\n'
        f'[plc]\nhost = "127.0.0.1"\nport = {plc.ready["port"]}\nlot_and_label = true\n'
    )


def answered(plc: EmulatorProcess, count: int) -> dict[str, Any]:
    """Wait for that many answers and return the PLC's report."""
    return until(lambda: (now := plc.tell("report 1000"))["answered"] >= count and now, 90.0)


def test_whoever_is_killed_or_restarted_each_specimen_is_inspected_and_answered_once(
    tmp_path: Path, tape: Path
) -> None:
    with (
        EmulatorProcess("instruments.emulators.plc", ["--pace-s", "0", "--specimens-per-roll", "4"]) as plc,
        running_station(tmp_path, tape, plc_sections(plc)) as station,
    ):
        station.spectrometer.tell("present 0")
        for number in range(1, 7):
            plc.tell("announce")
            if number == 2:  # in the middle of an inspection
                station.kill()
                station.start()
            answered(plc, number)
            if number == 3:
                plc.tell("fault restart=0.3")
                station.wait_for_status(lambda now: now["line"]["counts"]["device_restarts"] == 1)
            if number == 5:
                plc.tell("fault power_cut=0.3")
        status = station.wait_for_status(lambda now: now["line"]["counts"]["announced"] == 5)
        assert status["line"]["counts"]["missed"] == 0
        assert status["alarms"] == []
        assert station.stop() == 0
        assert plc.tell("report")["station"][1] == 0
        rows = station.rows("SELECT specimen, roll, lot, position_m, verdict FROM v_inspections")
        assert sorted((row["roll"], row["position_m"]) for row in rows) == [
            ("R-1", 0.0), ("R-1", 2.5), ("R-1", 5.0), ("R-1", 7.5), ("R-2", 0.0), ("R-2", 2.5),
        ]  # fmt: skip
        report = answered(plc, 6)
        assert len({row["specimen"] for row in rows}) == 6
        assert {row["lot"] for row in rows} == {"EMULATED-LOT"}
        assert Counter(row["verdict"] for row in rows) == report["verdicts"]
        assert station.problems() == []


def test_a_silent_plc_is_an_alarm_and_the_spectrometer_goes_on_unassigned(tmp_path: Path, tape: Path) -> None:
    with (
        EmulatorProcess("instruments.emulators.plc", ["--pace-s", "0"]) as plc,
        running_station(tmp_path, tape, plc_sections(plc)) as station,
    ):
        station.spectrometer.tell("present 0")
        station.wait_for_status(lambda now: (now["line"] or {}).get("state") == "running")
        plc.tell("fault no_reply")
        lost = station.wait_for_status(lambda now: now["line"]["counts"]["unassigned"] >= 3)
        assert lost["state"] == "running"
        assert lost["instruments"]["spectrometer"]["state"] in ("warming", "measuring")
        assert [alarm for alarm in lost["alarms"] if alarm.startswith("line: PLC 127.0.0.1")]
        assert "\nline: 127.0.0.1:" in station.status_text()
        plc.tell("clear no_reply")
        back = station.wait_for_status(lambda now: now["line"]["state"] == "running")
        assert back["line"]["trouble"] == ""
        plc.tell("announce")
        assert answered(plc, 1)["answers"][0]["specimen"] == 1
        station.wait_for_status(lambda now: now["alarms"] == [])
        rows = station.rows("SELECT specimen, roll, verdict FROM v_inspections")
        unassigned = [row for row in rows if row["specimen"].startswith("unassigned-")]
        assert len(unassigned) == len(rows) - 1 >= 3
        assert {(row["roll"], row["verdict"]) for row in unassigned} == {("", "REFER")}
        (alarm,) = station.rows("SELECT count(*) AS n FROM v_alarms WHERE code = 'line'")
        assert alarm["n"] >= 1


def test_a_scanner_that_spews_garbage_causes_no_inspection_and_hides_no_code(
    tmp_path: Path, tape: Path
) -> None:
    port = tmp_path / "scanner"
    sections = (
        '[line]\ntrigger = "scanner"\nlabel = "cotton 60 polyester 40"\n'
        f'[scanner]\nport = "{port}"\npattern = "(?P<lot>L[0-9]+)/(?P<roll>R[0-9]+)"\ndebounce_s = 30\n'
    )
    with (
        EmulatorProcess("instruments.emulators.scanner", ["--symlink", str(port)]) as scanner,
        running_station(tmp_path, tape, sections) as station,
    ):
        station.spectrometer.tell("present 0")
        station.wait_for_status(lambda now: (now["line"] or {}).get("state") == "connected")
        scanner.tell("fault spew=20000")
        noisy = station.wait_for_status(lambda now: any("line: scanner" in text for text in now["alarms"]))
        assert noisy["line"]["counts"]["garbage_bytes"] > 0
        scanner.tell("clear spew")
        scanner.tell("fault garbage")
        for code in ("L1/R1", "L1/R1", "L1/R2"):  # the second time by a shaking hand
            scanner.tell(f"scan {code}")
        done = station.wait_for_status(
            lambda now: (
                now["line"]["counts"]["announced"] == 2 and (now["last_inspection"] or {}).get("number") == 2
            )
        )
        assert done["line"]["counts"]["repeated"] == 1
        assert done["alarms"] == []
        scanner.tell("unplug")
        lost = station.wait_for_status(lambda now: now["line"]["state"] == "lost")
        assert lost["instruments"]["spectrometer"]["state"] in ("warming", "measuring")
        scanner.tell("replug")
        station.wait_for_status(lambda now: now["line"]["state"] == "connected" and now["alarms"] == [])
        rows = station.rows("SELECT lot, roll FROM v_inspections ORDER BY number")
        assert rows == [{"lot": "L1", "roll": "R1"}, {"lot": "L1", "roll": "R2"}]


def test_without_any_signal_each_specimen_that_is_laid_down_is_inspected_once(
    tmp_path: Path, tape: Path
) -> None:
    sections = '[line]\ntrigger = "presence"\ninterval_s = 0.05\nlot = "L-1"\nroll = "R-1"\n'
    with running_station(tmp_path, tape, sections) as station:
        for number in (1, 2):
            until(lambda n=number: _laid_down_and_seen(station, n), 90.0)
        time.sleep(1.0)  # it lies there still, and nothing can be awaited
        rows = station.rows("SELECT lot, roll FROM v_inspections")
        assert rows == [{"lot": "L-1", "roll": "R-1"}] * 2


def _laid_down_and_seen(station: RunningStation, number: int) -> bool:
    """Take away what lies there and lay down the next; a busy station may not have seen the gap."""
    station.spectrometer.tell("present nothing")
    time.sleep(1.0)
    station.spectrometer.tell(f"present {number - 1}")
    try:
        station.wait_for_status(lambda now: (now["last_inspection"] or {}).get("number") == number, 5.0)
    except AssertionError:
        return False
    return True
