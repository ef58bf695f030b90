"""Templates of a factory as a station takes them: looked at, adopted, refused."""

from pathlib import Path

import pytest
from fakes import FakeClock, MemoryStore

from qc_daemon.alarms import Alarms
from qc_daemon.config import Config, EmulatedLineSection, StationSection
from qc_daemon.domain.errors import QcError
from qc_daemon.settings.report import ReportSection
from qc_daemon.status import StatusBoard
from qc_daemon.wiring.templates import (
    adopt_templates,
    look_at_templates,
    tell_of_templates,
    templates_in_use,
)
from reports.typesetting import SHIPPED_TEMPLATES

LOT = (SHIPPED_TEMPLATES / "lot.typ").read_text(encoding="utf-8")
HOUSE = (SHIPPED_TEMPLATES / "house.typ").read_text(encoding="utf-8")
BROKEN = LOT.replace("heads.inspections", "heads.looks")


@pytest.fixture()
def config(tmp_path: Path) -> Config:
    (tmp_path / "own").mkdir()
    return Config(
        station=StationSection(folder=tmp_path / "station"),
        emulated_line=EmulatedLineSection(),
        report=ReportSection(template_folder=tmp_path / "own"),
    )


def test_a_look_lays_all_three_reports_out_and_changes_nothing(config: Config, tmp_path: Path) -> None:
    (tmp_path / "own" / "house.typ").write_text(HOUSE, encoding="utf-8")
    assert look_at_templates(config).endswith(
        "own: certificate, report of a lot and report of a day can be laid out"
    )
    (tmp_path / "own" / "lot.typ").write_text(BROKEN, encoding="utf-8")
    with pytest.raises(QcError, match=r"templates of the factory: lot\.typ, line \d+: .*looks"):
        look_at_templates(config)
    assert not (tmp_path / "station").exists()


def test_refused_templates_leave_the_last_good_ones_in_use_and_raise_an_alarm(
    config: Config, tmp_path: Path
) -> None:
    clock, store = FakeClock(), MemoryStore()
    alarms = Alarms(StatusBoard(tmp_path / "status.json", clock), store, clock)
    lot = tmp_path / "own" / "lot.typ"
    lot.write_text(BROKEN, encoding="utf-8")
    assert adopt_templates(config).endswith("; those of this software are in use")
    assert templates_in_use(config) == SHIPPED_TEMPLATES
    lot.write_text(LOT + "\n", encoding="utf-8")
    assert adopt_templates(config) == ""
    good = templates_in_use(config)
    lot.write_text(BROKEN, encoding="utf-8")
    refused = adopt_templates(config)
    assert refused.startswith("templates of the factory: lot.typ, line ")
    assert refused.endswith("; the last good ones stay in use")
    assert templates_in_use(config) == good
    tell_of_templates(refused, alarms)
    assert [alarm.code for alarm in alarms.active] == ["template"]
    tell_of_templates("", alarms)
    assert alarms.active == ()
