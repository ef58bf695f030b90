"""Replay: a stored conclusion is drawn again from stored bytes, and any difference is named."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from builders_storage import (
    NOON,
    acquisition,
    composition,
    conclusion,
    same,
    station_store,
)
from fakes import FakeClock, fake_judges

from qc_daemon.domain.corrections import CorrectedField, Correction
from qc_daemon.domain.errors import IntegrityError
from qc_daemon.domain.judge_settings import judge_settings
from qc_daemon.domain.quality import FrameLimits
from qc_daemon.domain.replay import compare
from qc_daemon.pipeline import Judges, conclude
from qc_daemon.wiring.replay import replay_one, sentence
from storage.replay_cases import replay_case

JUDGES = fake_judges(FakeClock())


def judged(store, judges: Judges = JUDGES) -> int:
    """Accept an acquisition and draw its conclusion by some judges; return its number."""
    about = acquisition()
    number = store.add_acquisition(about).number
    standing = store.calibration_standing(about.spectrometer.serial, about.triggered_at)
    store.add_conclusion(number, conclude(judges, about, standing))
    return number


def test_the_same_judges_answer_bit_for_bit_alike(tmp_path: Path) -> None:
    with station_store(tmp_path) as store:
        replayed = replay_one(store, judged(store), JUDGES)
    assert replayed.ok
    assert replayed.replay is not None and replayed.replay.exact
    assert sentence(replayed) == "inspection 1: bit for bit"


def test_the_settings_of_the_conclusion_serve_and_not_those_of_today(tmp_path: Path) -> None:
    strict = dataclasses.replace(JUDGES, frame_limits=FrameLimits(max_filled_percent=1e-9, min_focus=1e9))
    with station_store(tmp_path) as store:
        number = judged(store, strict)
        assert judge_settings(store.load_conclusion(number).settings) == strict.settings
        assert replay_one(store, number, JUDGES).ok


def test_the_label_of_the_conclusion_serves_and_not_its_correction(tmp_path: Path) -> None:
    with station_store(tmp_path) as store:
        number = judged(store)
        store.add_correction(
            Correction(number, CorrectedField.LABEL, "wool 100", "Li Na", "wrong card", NOON)
        )
        assert store.load_acquisition(number).specimen.label.text == "wool 100"
        assert replay_case(store, number).acquisition.specimen.label.text == "cotton 60 polyester 40"
        assert replay_one(store, number, JUDGES).ok


def test_another_model_is_said_and_not_compared(tmp_path: Path) -> None:
    class Other(type(JUDGES.predictor)):
        version = dataclasses.replace(JUDGES.predictor.version, digest="ff" * 32)

    other = dataclasses.replace(JUDGES, predictor=Other())
    with station_store(tmp_path) as store:
        replayed = replay_one(store, judged(store), other)
    assert not replayed.ok
    assert "it was drawn by" in sentence(replayed)


def test_lost_bytes_are_said(tmp_path: Path) -> None:
    with station_store(tmp_path) as store:
        number = judged(store)
        for path in (tmp_path / "blobs").rglob("*.zst"):
            path.write_bytes(b"")
        replayed = replay_one(store, number, JUDGES)
    assert not replayed.ok
    assert "is damaged" in replayed.why_not


ABOUT = acquisition()
STORED = conclusion(ABOUT, settings=JUDGES.settings.text())


def changed_evidence() -> dict[str, object]:
    answer = composition()
    scores = answer.evidence.region_scores.copy()
    scores[0, 0] = np.nextafter(scores[0, 0], np.float32(2))
    evidence = dataclasses.replace(answer.evidence, region_scores=scores)
    return {"composition": dataclasses.replace(answer, evidence=evidence)}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"composition": composition(60.0 + 1e-9)}, "share of cotton"),
        ({"composition": composition(novelty=1.2500001)}, "novelty"),
        ({"composition": None}, "composition"),
        (changed_evidence(), "evidence: region_scores"),
        ({"cleaned": None}, "cleaned image"),
        ({"defects": ()}, "defects"),
    ],
)
def test_on_the_same_runtime_the_last_bit_counts(changes: dict[str, object], what: str) -> None:
    replay = compare(STORED, dataclasses.replace(STORED, **changes))
    assert replay.exact
    assert what in [one.what for one in replay.differences]


def test_another_runtime_may_round_otherwise_but_not_judge_otherwise() -> None:
    elsewhere = dataclasses.replace(JUDGES.settings, runtime="ascend_acl 8").text()
    near = dataclasses.replace(STORED, settings=elsewhere, composition=composition(60.01, novelty=1.2505))
    replay = compare(STORED, near)
    assert (replay.exact, replay.differences) == (False, ())
    far = dataclasses.replace(STORED, settings=elsewhere, composition=composition(60.1))
    assert [one.what for one in compare(STORED, far).differences] == [
        "share of cotton", "share of polyester",
    ]  # fmt: skip
    refused = conclusion(ABOUT, settings=elsewhere, composition=composition(10.0))
    assert "outcome" in [one.what for one in compare(STORED, refused).differences]


def test_another_version_of_the_software_is_another_maker() -> None:
    assert not compare(STORED, dataclasses.replace(STORED, software_version="9.9.9")).exact


def test_settings_come_back_as_they_were_written() -> None:
    assert judge_settings(JUDGES.settings.text()) == JUDGES.settings
    assert same(compare(STORED, STORED).differences, ())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"scan_limits": {"unknown": 1}}'])
def test_settings_that_are_none_are_one_clear_line(text: str) -> None:
    with pytest.raises(IntegrityError, match="settings of a conclusion cannot be read"):
        judge_settings(text)
