"""A running station reads its configuration anew, and survives a bad one."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qc_daemon.config import load_config
from qc_daemon.logs import log_to_file, log_to_stderr
from qc_daemon.settings.changes import changed_keys, recorded_settings

GOOD = """
[station]
folder = "station"
[emulated_line]
[judgement]
max_filled_percent = {filled}
[line]
interval_s = {interval}
"""


@pytest.fixture
def reloading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What reads the file anew, the judges that it gave to the loop, and the alarms."""
    from fakes import FakeClock, MemoryStore, fake_judges

    from qc_daemon.alarms import Alarms
    from qc_daemon.status import StatusBoard
    from qc_daemon.wiring import reloading as module
    from storage.inspection_store import open_store

    file = tmp_path / "qc.toml"
    file.write_text(GOOD.format(filled=30, interval=5))
    clock, given = FakeClock(), []
    board = StatusBoard(tmp_path / "status.json", clock)
    alarms = Alarms(board, MemoryStore(), clock)
    languages: list[str] = []
    monkeypatch.setattr(module, "certificate_writer", lambda _: SimpleNamespace(speak=languages.append))
    with open_store(tmp_path / "station", None, {}, lambda *_: None) as store:  # type: ignore[arg-type,return-value]
        workplace = SimpleNamespace(judges=fake_judges(clock), store=store)
        loop = SimpleNamespace(judge_with=given.append)
        reload = module.Reloading(file, load_config(file), workplace, loop, alarms)  # type: ignore[arg-type]
        yield SimpleNamespace(file=file, reload=reload, given=given, alarms=alarms, store=store)
    log_to_stderr()


def entries(bench: Any) -> list[list[str]]:
    from sqlalchemy import select

    from storage.ledger_tables import LedgerRow

    with bench.store.reading() as session:
        found = session.scalars(select(LedgerRow.content).where(LedgerRow.kind == "configuration"))
        return [json.loads(content)["settings"] for content in found]


def test_what_can_change_is_taken_over_and_recorded(reloading: Any) -> None:
    reloading.file.write_text(GOOD.format(filled=12, interval=7))
    reloading.reload()
    assert reloading.given[-1].frame_limits.max_filled_percent == 12
    start, after = entries(reloading)
    assert "judgement.max_filled_percent = 30.0" in start
    assert "judgement.max_filled_percent = 12.0" in after
    assert "line.interval_s = 5.0" in after  # that needs a restart


def test_a_bad_file_changes_nothing_and_is_an_alarm_until_it_is_good(reloading: Any) -> None:
    reloading.file.write_text(GOOD.format(filled=200, interval=5))
    reloading.reload()
    assert reloading.given == []
    (alarm,) = reloading.alarms.active
    assert alarm.code == "config"
    assert "max_filled_percent" in alarm.message
    reloading.file.write_text(GOOD.format(filled=30, interval=5))
    reloading.reload()
    assert reloading.alarms.active == ()
    assert len(entries(reloading)) == 1  # nothing new


def test_differences_are_named_by_key_and_secrets_are_not_recorded(tmp_path: Path) -> None:
    file = tmp_path / "qc.toml"
    file.write_text(GOOD.format(filled=30, interval=5))
    before = load_config(file)
    file.write_text(GOOD.format(filled=30, interval=9))
    assert changed_keys(before, load_config(file)) == ["line.interval_s"]
    camera = '[camera]\nurl = "http://user:secret@cam/"\n[spectrometer]\nport = "/dev/null"\n'
    file.write_text(GOOD.format(filled=30, interval=5).replace("[emulated_line]\n", camera))
    recorded = recorded_settings(load_config(file))
    assert "camera.url = (not recorded)" in recorded
    assert not any("secret" in line for line in recorded)


def test_the_log_gives_way_before_it_fills_the_disk(tmp_path: Path) -> None:
    import structlog

    file = tmp_path / "log" / "qc.jsonl"
    log_to_file(file, "info", max_mb=0.002, old_files=2)
    try:
        log = structlog.get_logger()
        for number in range(200):
            log.info("inspected", number=number, specimen="棉")
            log.debug("not this one")
        files = sorted(file.parent.iterdir())
        assert [one.name for one in files] == ["qc.jsonl", "qc.jsonl.1", "qc.jsonl.2"]
        assert all(one.stat().st_size <= 2000 for one in files)
        last = json.loads(file.read_text(encoding="utf-8").splitlines()[-1])
        assert (last["number"], last["specimen"], last["level"]) == (199, "棉", "info")
    finally:
        log_to_stderr()
