"""What the line loop tells a trigger, and what it publishes about it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from builders import an_acquisition
from fakes import FakeLine, FakeSpectrometer, FakeWriter, MemoryStore, fake_judges, opening

from qc_daemon.alarms import Alarms
from qc_daemon.clock import SystemClock
from qc_daemon.domain.errors import LinkLost
from qc_daemon.domain.inspection import Conclusion, Specimen
from qc_daemon.domain.line import Cue, LineCounts, LineHealth, NoVerdict, StationState
from qc_daemon.domain.ports import Look, Trigger
from qc_daemon.line_loop import LineLoop
from qc_daemon.status import StatusBoard, read_status
from qc_daemon.workplace import Workplace

HEALTHY = LineHealth("plc:502", "running", "", LineCounts())


class FakeTrigger:
    """Announces what it was given, one a call, with a health for each; then it ends."""

    def __init__(self, *script: tuple[Cue | None, LineHealth]) -> None:
        self._script = list(script)
        self.health = HEALTHY
        self.told: list[Any] = []
        self.words: list[int] = []
        self.seen: list[bool] = []

    @property
    def ended(self) -> bool:
        return not self._script

    def next_cue(self, look: Look, timeout_s: float, /) -> Cue | None:
        cue, self.health = self._script.pop(0)
        self.seen.append(look() is not None if cue is None else True)
        return cue

    def answer(self, cue: Cue, conclusion: Conclusion) -> None:
        self.told.append((cue.specimen.id, conclusion.verdict.outcome.value))

    def refuse(self, cue: Cue, why: NoVerdict) -> None:
        self.told.append((cue.specimen.id, why))

    def show_alarms(self, word: int) -> None:
        self.words.append(word)

    def announce(self, state: StationState) -> None:
        self.told.append(state)


def cue_for(name: str, may_be_stored: bool = True) -> Cue:
    return Cue(Specimen(name, "LOT-1", "R-1", 0.0, None), may_be_stored)


def run_loop(folder: Path, trigger: Trigger, store: MemoryStore, *sessions: Any) -> dict[str, Any]:
    board = StatusBoard(folder / "status.json", SystemClock())
    work = Workplace(
        judges=fake_judges(SystemClock()),  # type: ignore[arg-type]
        store=store,
        report_writer=FakeWriter(),
        line=FakeLine(0),
        open_camera=None,
        open_spectrometer=opening(*(sessions or (FakeSpectrometer(),))),
    )
    LineLoop(work, trigger, board, Alarms(board, store, work.judges.clock)).run()
    return read_status(folder / "status.json", SystemClock().now())


def scripted(*cues: Cue | None, healths: Sequence[LineHealth] = ()) -> FakeTrigger:
    states = [*healths, *[HEALTHY] * (len(cues) - len(healths))]
    return FakeTrigger(*zip(cues, states, strict=True))


def test_the_line_is_told_states_and_verdicts_in_order(tmp_path: Path) -> None:
    trigger = scripted(cue_for("S-1"), cue_for("S-2"))
    run_loop(tmp_path, trigger, MemoryStore())
    assert trigger.told == [
        StationState.RUNNING, ("S-1", "REFER"), ("S-2", "REFER"), StationState.STOPPED,
    ]  # fmt: skip


def test_a_specimen_accepted_before_a_restart_is_answered_from_the_store(tmp_path: Path) -> None:
    store = MemoryStore()
    store.add_acquisition(replace(an_acquisition(), specimen=cue_for("S-1").specimen))
    spectrometer = FakeSpectrometer()
    trigger = scripted(cue_for("S-1"))
    run_loop(tmp_path, trigger, store, spectrometer)
    assert ("S-1", "REFER") in trigger.told
    assert list(store.acquisitions) == [1]
    assert spectrometer.measured == 1  # the white tile


def test_a_name_that_may_come_twice_is_inspected_twice(tmp_path: Path) -> None:
    store = MemoryStore()
    run_loop(tmp_path, scripted(*[cue_for("S-1", may_be_stored=False)] * 2), store)
    assert list(store.acquisitions) == [1, 2]


def test_a_specimen_in_hand_when_the_spectrometer_fails_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("qc_daemon.line_loop._FIRST_WAIT_S", 0.001)
    failing = FakeSpectrometer([200_000.0, LinkLost("unplugged")])
    trigger = scripted(cue_for("S-1"), cue_for("S-2"))
    run_loop(tmp_path, trigger, MemoryStore(), failing, FakeSpectrometer())
    assert trigger.told == [
        StationState.RUNNING, ("S-1", NoVerdict.SPECTROMETER), StationState.DEGRADED,
        StationState.RUNNING, ("S-2", "REFER"), StationState.STOPPED,
    ]  # fmt: skip


def test_a_verdict_that_cannot_be_stored_is_not_told(tmp_path: Path) -> None:
    store = MemoryStore()
    store.database_down = True
    trigger = scripted(cue_for("S-1"))
    run_loop(tmp_path, trigger, store)
    assert ("S-1", NoVerdict.STORE) in trigger.told
    assert list(store.acquisitions) == [1]


def test_trouble_of_the_line_is_an_alarm_for_as_long_as_it_lasts(tmp_path: Path) -> None:
    lost = LineHealth("plc:502", "lost", "PLC plc:502: no connection", LineCounts())
    store = MemoryStore()
    status = run_loop(tmp_path, scripted(None, None, healths=[HEALTHY, lost]), store)
    assert status["alarms"] == ["line: PLC plc:502: no connection"]
    assert status["line"]["state"] == "lost"
    assert store.alarms == {"line": "PLC plc:502: no connection"}
    status = run_loop(tmp_path, scripted(None, None, healths=[lost, HEALTHY]), store)
    assert (status["alarms"], store.alarms) == ([], {})


def test_missed_specimens_are_an_alarm_until_an_inspection_before_which_none_was(tmp_path: Path) -> None:
    store = MemoryStore()
    missed = LineHealth("plc:502", "running", "", LineCounts(missed=3))
    cues = [cue_for("S-1"), cue_for("S-2")]
    status = run_loop(tmp_path, scripted(*cues, healths=[HEALTHY, missed]), store)
    assert status["alarms"] == ["missed: 3 specimens passed without an inspection"]
    more = [cue_for("S-3"), cue_for("S-4")]
    status = run_loop(tmp_path, scripted(*more, healths=[missed, missed]), store)
    assert (status["alarms"], store.alarms) == ([], {})


def test_a_trigger_may_look_without_anything_being_kept(tmp_path: Path) -> None:
    store = MemoryStore()
    trigger = scripted(None, None)
    dark_view = FakeSpectrometer([200_000.0, 100_000.0, 100.0])  # tile, a specimen, nothing
    run_loop(tmp_path, trigger, store, dark_view)
    assert trigger.seen == [True, False]
    assert store.acquisitions == {}


def test_the_line_hears_of_alarms(tmp_path: Path) -> None:
    lost = LineHealth("plc:502", "lost", "PLC plc:502: no connection", LineCounts())
    trigger = scripted(None, None, None, healths=[HEALTHY, lost, lost])
    run_loop(tmp_path, trigger, MemoryStore())
    assert trigger.words == [0x0103]  # one, and nobody took it on
