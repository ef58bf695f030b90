"""The line loop renews its white reference by itself, and judges late by what was known at the time."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from builders import NOON, a_scan, a_white, an_acquisition
from fakes import FakeClock, FakeLine, FakeSpectrometer, FakeWriter, MemoryStore, fake_judges, opening

from instruments.line.interval import IntervalTrigger
from qc_daemon.alarms import Alarms
from qc_daemon.clock import SystemClock
from qc_daemon.config import Config, EmulatedLineSection, StationSection
from qc_daemon.domain.calibration import CalibrationStanding
from qc_daemon.domain.errors import LinkLost, StoreUnavailable
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.spectrum import ReflectanceTile, Scan, WhiteReference
from qc_daemon.domain.verdict import Outcome
from qc_daemon.line_loop import LineLoop
from qc_daemon.status import StatusBoard
from qc_daemon.wiring.calibration_settings import TILE_REQUEST_S, tile_on_request, tile_request_file
from qc_daemon.workplace import Workplace


class Warming(FakeSpectrometer):
    """A spectrometer that is hotter by 1.5 °C at each scan."""

    def measure(self) -> Scan:
        scan = super().measure()
        warm_c = 30.0 + 1.5 * self.measured
        return replace(scan, conditions=replace(scan.conditions, system_temperature_c=warm_c))


class TickingClock(FakeClock):
    """A clock on which no two things happen at once."""

    def now(self) -> datetime:
        self.utc += timedelta(milliseconds=1)
        return self.utc


def run_loop(
    folder: Path,
    store: MemoryStore,
    specimens: int,
    *sessions: object,
    has_tile: bool = True,
    requested: Sequence[ReflectanceTile | None] = (),
) -> FakeLine:
    """Let a loop of fakes inspect until its line ends; return the line.

    `requested` is what a person says that lies there, at each turn of the loop.
    """
    line, judges, asked = FakeLine(specimens, has_tile), fake_judges(TickingClock()), iter(requested)
    work = Workplace(
        judges=judges,
        store=store,
        report_writer=FakeWriter(),
        line=line,
        open_camera=None,
        open_spectrometer=opening(*sessions),
        requested_tile=lambda: next(asked, None),
    )
    board = StatusBoard(folder / "status.json", SystemClock())
    LineLoop(work, IntervalTrigger(line, 0.0, judges.clock), board, Alarms(board, store, judges.clock)).run()
    return line


def test_a_spectrometer_that_was_lost_reads_its_tile_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qc_daemon.line_loop._FIRST_WAIT_S", 0.001)
    store = MemoryStore()
    lost = FakeSpectrometer([200_000.0, 100_000.0, LinkLost("unplugged")])
    line = run_loop(tmp_path, store, 3, lost, FakeSpectrometer())
    assert store.standing.reconnected_at is not None
    assert line.tiles_shown == 2
    assert [acquisition.white for acquisition in store.acquisitions.values()] == store.references


def test_a_spectrometer_that_warms_up_reads_its_tile_anew(tmp_path: Path) -> None:
    store = MemoryStore()
    line = run_loop(tmp_path, store, 4, Warming())
    # Tile at +1.5, specimens at +3 and +4.5 (3 °C above the tile: due), tile at +6, and so on.
    remarked = [
        any(reason.code is ReasonCode.REFERENCE_TEMPERATURE for reason in drawn[-1].verdict.reasons)
        for drawn in store.conclusions.values()
    ]
    assert remarked == [False, True, False, True]
    assert line.tiles_shown == 3  # the last one for whatever may come
    assert all(drawn[-1].verdict.outcome is Outcome.PASS for drawn in store.conclusions.values())


def test_what_is_concluded_late_is_judged_by_what_was_known_when_it_was_measured(tmp_path: Path) -> None:
    class OutOfControlAtNoon(MemoryStore):
        def calibration_standing(self, serial, at):  # type: ignore[no-untyped-def]
            broken = (Reason(ReasonCode.TILE_OUT_OF_CONTROL, "1100 nm, 1_3s"),)
            return CalibrationStanding(None, broken if at == NOON + timedelta(minutes=1) else ())

    store = OutOfControlAtNoon()
    store.add_reference(a_white(a_scan(200_000.0)))
    store.add_acquisition(an_acquisition(triggered_at=NOON + timedelta(minutes=1)))
    store.add_acquisition(an_acquisition(triggered_at=NOON + timedelta(minutes=2)))
    run_loop(tmp_path, store, 0, FakeSpectrometer())
    outcomes = [store.conclusions[number][-1].verdict.outcome for number in (1, 2)]
    assert outcomes == [Outcome.REFER, Outcome.PASS]


def a_tile(name: str, first_nm: float = 800.0) -> ReflectanceTile:
    return ReflectanceTile(name, np.array([first_nm, 1800.0]), np.array([0.98, 0.98]))


def test_a_tile_that_a_person_lays_there_is_read_while_the_station_runs(tmp_path: Path) -> None:
    store = MemoryStore()
    run_loop(tmp_path, store, 2, FakeSpectrometer(), has_tile=False, requested=[None, a_tile("PTFE-12")])
    assert [reference.source for reference in store.references] == ["factory", "tile"]
    assert [one.white.tile_id for one in store.acquisitions.values() if one.white] == ["factory", "PTFE-12"]


def test_a_tile_that_cannot_serve_is_an_alarm_until_one_can_and_stops_nothing(tmp_path: Path) -> None:
    store = MemoryStore()
    short = a_tile("short", first_nm=1000.0)
    run_loop(tmp_path, store, 2, FakeSpectrometer(), has_tile=False, requested=[short])
    assert list(store.conclusions) == [1, 2]
    assert store.alarms["reference"].startswith("the certificate of short covers 1000 to 1800 nm")
    status = json.loads((tmp_path / "status.json").read_text(encoding="utf-8"))
    assert any(alarm.startswith("reference: the certificate of short") for alarm in status["alarms"])
    better = MemoryStore()
    run_loop(tmp_path, better, 2, FakeSpectrometer(), has_tile=False, requested=[short, a_tile("PTFE-12")])
    assert better.alarms == {}
    assert better.references[-1].tile_id == "PTFE-12"


def test_a_request_is_answered_once_and_not_after_a_restart_long_after(tmp_path: Path) -> None:
    config = Config(station=StationSection(folder=tmp_path), emulated_line=EmulatedLineSection())
    requested = tile_on_request(config, FakeLine(0))
    assert requested() is None
    file = tile_request_file(tmp_path)
    file.touch()
    tile = requested()
    assert tile is not None and tile.id == "tile-1"
    assert requested() is None
    file.touch()
    os.utime(file, (file.stat().st_atime, file.stat().st_mtime - TILE_REQUEST_S - 1.0))
    assert requested() is None
    assert not file.exists()


def test_a_database_that_is_locked_at_a_renewal_stops_nothing(tmp_path: Path) -> None:
    class LockedForReferences(MemoryStore):
        def add_reference(self, reference: WhiteReference) -> None:
            raise StoreUnavailable("the database is locked")

    store = LockedForReferences()
    run_loop(tmp_path, store, 2, FakeSpectrometer())
    assert list(store.conclusions) == [1, 2]
    codes = [reason.code for reason in store.conclusions[1][-1].verdict.reasons]
    assert codes == [ReasonCode.NO_REFERENCE]
    assert store.alarms["store"] == "the database is locked"
