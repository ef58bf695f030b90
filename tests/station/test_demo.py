"""The demo is the whole station: real pty, real socket, real database, real PDFs, read from outside."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import Ran, qc_daemon
from pypdf import PdfReader

KEYS = {
    "id", "number", "specimen", "lot", "roll", "accepted_at", "class", "shares", "novelty",
    "filled_percent", "defects", "verdict", "reasons", "report", "seconds",
}  # fmt: skip


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "station"


@pytest.fixture(scope="module")
def demo(station: Path) -> Ran:
    return qc_daemon("demo", "--specimens", 4, "--seed", 7, "--station", station, "--json")


def test_the_demo_inspects_every_specimen_end_to_end(demo: Ran, station: Path) -> None:
    assert demo.status == 0, demo.err
    document = demo.document
    assert document["station"] == str(station)
    assert document["summary"]["inspected"] == 4
    assert document["summary"]["undecided"] == 0
    for one in document["inspections"]:
        assert set(one) == KEYS
        assert set(one["seconds"]) == {"acquire", "accept", "infer", "record", "report"}
        assert one["verdict"] in {"PASS", "FAIL", "REFER"}
        assert one["reasons"]
        assert sum(share["percent"] for share in one["shares"].values()) == pytest.approx(100.0, abs=0.01)
        assert all(
            0 <= share["lo"] <= share["percent"] <= share["hi"] <= 100 for share in one["shares"].values()
        )


def test_each_certificate_is_a_pdf_that_names_its_specimen(demo: Ran) -> None:
    for one in demo.document["inspections"]:
        text = "".join(page.extract_text() for page in PdfReader(one["report"]).pages)
        assert one["specimen"] in text
        assert one["verdict"] in text
        assert "SIMULATED" in text


def test_every_promise_is_kept_after_the_demo(demo: Ran, station: Path) -> None:
    checked = qc_daemon("fsck", "--station", station, "--json")
    assert (checked.status, checked.document["problems"]) == (0, [])


def test_the_database_holds_what_was_printed(demo: Ran, station: Path) -> None:
    sql = "SELECT specimen, verdict FROM v_inspections ORDER BY number"
    rows = qc_daemon("history", "sql", "--station", station, "--json", sql).document
    printed = [
        {"specimen": one["specimen"], "verdict": one["verdict"]} for one in demo.document["inspections"]
    ]
    assert rows == printed


def test_a_certificate_can_be_written_again_from_the_records(
    demo: Ran, station: Path, tmp_path: Path
) -> None:
    one = demo.document["inspections"][0]
    again = tmp_path / "again.pdf"
    written = qc_daemon("report", one["number"], "--station", station, "--out", again, "--lang", "both")
    assert written.status == 0, written.err
    first, second = (_record_of(file) for file in (Path(one["report"]), again))
    # Each names the head that the ledger had when it was written.
    assert first["surroundings"].pop("ledger")["sequence"] < second["surroundings"].pop("ledger")["sequence"]
    assert first == second


def test_new_conclusions_are_drawn_beside_the_old_ones(demo: Ran, station: Path) -> None:
    drawn = qc_daemon("conclude", "--all", "--station", station)
    assert drawn.status == 0, drawn.err
    sql = "SELECT count(*) AS conclusions FROM conclusions"
    assert qc_daemon("history", "sql", "--station", station, "--json", sql).document == [{"conclusions": 8}]
    verdicts = [line.partition(": ")[2] for line in drawn.err.splitlines()]
    assert verdicts == [one["verdict"] for one in demo.document["inspections"]]


def test_the_demo_talks_to_people_too(tmp_path: Path) -> None:
    told = qc_daemon("demo", "--specimens", 1, "--station", tmp_path / "station")
    assert told.status == 0, told.err
    assert "1 inspected" in told.out
    assert ".pdf" in told.out
    assert "SELECT verdict" in told.out


def predictions(folder: Path, out: Path) -> list[dict[str, str]]:
    made = qc_daemon("predict", "--checkpoint", released(), "--data", folder, "--out", out, timeout_s=600)
    assert made.status == 0, made.err
    with out.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def released() -> Path:
    from qc_daemon.wiring.station import released_checkpoint

    return released_checkpoint()


def require_agreement(folder: Path, tmp_path: Path) -> int:
    """Replay a folder over the pty and compare with `predict` on the recorded spectra; return the rows."""
    shown = qc_daemon("demo", "--replay", folder, "--station", tmp_path / "station", "--json", timeout_s=3000)
    assert shown.status == 0, shown.err
    rows = predictions(folder, tmp_path / "predictions.csv")
    inspections = shown.document["inspections"]
    assert len(inspections) == len(rows)
    compared = 0
    for one, row in zip(inspections, rows, strict=True):
        assert one["specimen"] == row["specimen"]
        for fibre, share in one["shares"].items():
            assert share["percent"] / 100 == pytest.approx(float(row[fibre]), abs=1e-4)
        compared += bool(one["shares"])
    assert compared > len(rows) / 2
    return len(rows)


def every(step: int, whole: Path, part: Path) -> Path:
    """Write a folder with each step-th row of a recorded one."""
    part.mkdir()
    lines = (whole / "samples.csv").read_text(encoding="utf-8").splitlines()
    kept = list(range(0, len(lines) - 1, step))
    (part / "samples.csv").write_text(
        "\n".join([lines[0], *(lines[1 + row] for row in kept)]), encoding="utf-8"
    )
    with np.load(whole / "spectra.npz", allow_pickle=False) as arrays:
        rows = len(lines) - 1
        cut = {key: array[kept] if len(array) == rows else array for key, array in arrays.items()}
    np.savez(part / "spectra.npz", **cut)
    if (whole / "images").is_dir():
        shutil.copytree(whole / "images", part / "images")
    return part


@pytest.mark.parametrize(
    ("name", "step", "rows"), [("nirscan_swatches", 4, 41), ("nirscan_3garments", 100, 41)]
)
def test_recorded_scans_over_the_wire_agree_with_a_prediction(
    name: str, step: int, rows: int, qc_data: Path, tmp_path: Path
) -> None:
    assert require_agreement(every(step, qc_data / name, tmp_path / "part"), tmp_path) == rows


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rows"), [("nirscan_swatches", 161), ("nirscan_3garments", 4001)])
def test_all_recorded_scans_over_the_wire_agree(name: str, rows: int, qc_data: Path, tmp_path: Path) -> None:
    assert require_agreement(qc_data / name, tmp_path) == rows


def _record_of(certificate: Path) -> dict:
    (content,) = PdfReader(certificate).attachments["certificate.json"]
    return json.loads(content)
