"""`qc-daemon calibrate` as an operator runs it, on an emulated line."""

import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import Ran, qc_daemon

from qc_daemon.wiring.history import run_query
from qc_daemon.wiring.lines import demo_config


def a_station(folder: Path, spectrometer: str = "nirscan-nano", calibration: str = "") -> Path:
    """Write the configuration of an emulated line and return its folder."""
    (folder / "qc.toml").write_text(
        '[station]\nfolder = "station"\n'
        f'[emulated_line]\nspectrometer = "{spectrometer}"\nspecimens = 2\nscan_time_s = 0.0\n{calibration}',
        encoding="utf-8",
    )
    return folder


def calibrate(folder: Path, *arguments: object) -> Ran:
    return qc_daemon("calibrate", *arguments, folder=folder)


def test_a_spectrometer_is_referenced_checked_and_listed(tmp_path: Path) -> None:
    station = a_station(tmp_path)
    early = calibrate(station, "check")
    assert early.status == 2
    assert early.err.strip().splitlines()[-1].endswith("run `qc-daemon calibrate white` first")
    white = calibrate(station, "white", "--json").document
    assert (white["serial"], white["tile"], white["pga_gain"]) == ("VIRTUAL", "emulated-tile", 64)
    assert white["system_temperature_c"] == pytest.approx(33.6, abs=1.0)  # it has been on for an hour
    dark = calibrate(station, "dark", "--json").document
    assert dark["mean_dark_counts"] == 108_153.0
    tile = calibrate(station, "check", "--json")
    assert tile.status == 0 and tile.document["in_control"]
    assert [value["measured"] for value in tile.document["values"]] == pytest.approx([0.5] * 5, abs=1e-3)
    assert tile.document["reference"] == white["id"]
    peaks = calibrate(station, "check", "--standard", "wavelength", "--json").document
    assert len(peaks["values"]) == 4
    assert all(abs(value["measured"] - value["certified"]) < 0.2 for value in peaks["values"])
    (listed,) = calibrate(station, "list", "--json").document["spectrometers"]
    assert listed["serial"] == "VIRTUAL"
    assert {duty["what"]: duty["state"] for duty in listed["duties"]} == {
        "white": "ok", "dark": "ok", "tile check": "ok", "wavelength check": "ok",
    }  # fmt: skip
    rows = run_query(demo_config(station / "station"), "SELECT id, pga_gain, tile_id FROM v_references").rows
    assert rows == ((white["id"], 64, "emulated-tile"),)


def test_out_of_control_refers_what_is_inspected_until_a_person_resets_it(tmp_path: Path) -> None:
    station = a_station(tmp_path, calibration="[calibration]\nwavelength_limit_nm = 0.001\n")
    assert calibrate(station, "white").status == 0
    check = calibrate(station, "check", "--standard", "wavelength")
    assert check.status == 1
    assert "OUT OF CONTROL" in check.out and "limit" in check.out
    label = ("--label", "cotton 60 polyester 40")
    inspected = qc_daemon("inspect", "--specimen", "S-1", *label, "--json", folder=station)
    assert inspected.document["verdict"] == "REFER"
    assert any("The spectrometer is out of control: check of the wavelengths" in reason
               for reason in inspected.document["reasons"])  # fmt: skip
    assert inspected.document["shares"]
    nameless = calibrate(station, "reset", "--who", " ", "--why", "x")
    assert nameless.status == 2 and "expected --who with a name" in nameless.err
    reset = calibrate(station, "reset", "--who", "Wang", "--why", "limit was a test", "--json")
    assert (reset.status, reset.document["serial"], reset.document["who"]) == (0, "VIRTUAL", "Wang")
    again = qc_daemon("inspect", "--specimen", "S-2", *label, "--json", folder=station)
    assert not any("out of control" in reason for reason in again.document["reasons"])
    rows = run_query(
        demo_config(station / "station"), "SELECT instrument_serial, who, why FROM v_control_resets"
    ).rows
    assert rows == (("VIRTUAL", "Wang", "limit was a test"),)


@pytest.mark.parametrize("spectrometer", ["nirone", "ocean"])
def test_the_other_spectrometers_are_checked_the_same_way(tmp_path: Path, spectrometer: str) -> None:
    station = a_station(tmp_path, spectrometer)
    dark = calibrate(station, "dark", "--json").document
    assert 0.0 < dark["mean_dark_counts"] < 0.5 * dark["highest_counts"] or dark["mean_dark_counts"] == 0.0
    assert calibrate(station, "white").status == 0
    tile = calibrate(station, "check", "--json")
    assert tile.status == 0, tile.out
    assert [value["measured"] for value in tile.document["values"]] == pytest.approx([0.5] * 5, abs=0.02)
    peaks = calibrate(station, "check", "--standard", "wavelength", "--json")
    assert peaks.status == 0, peaks.out
    assert len(peaks.document["values"]) == 4


def test_a_white_tile_is_read_by_the_running_station_and_other_calibrations_wait(tmp_path: Path) -> None:
    station = a_station(tmp_path)
    with (station / "qc.toml").open("a", encoding="utf-8") as file:
        file.write("[line]\ninterval_s = 0.2\n")
    with (tmp_path / "run.log").open("wb") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-c", "from qc_daemon.cli import main; main(['run'])"], cwd=station, stderr=log
        )
    try:
        deadline = time.monotonic() + 120.0
        while calibrate(station, "list", "--json").status != 0 or not _running(station):
            assert daemon.poll() is None and time.monotonic() < deadline, (tmp_path / "run.log").read_text()
        white = calibrate(station, "white", "--json")
        assert white.status == 0, white.err
        assert white.document["tile"] == "emulated-tile"
        rows = run_query(
            demo_config(station / "station"), "SELECT id FROM v_references WHERE is_current = 1"
        ).rows
        assert rows == ((white.document["id"],),)
        dark = calibrate(station, "dark")
        assert dark.status == 3 and "Traceback" not in dark.err
    finally:
        daemon.terminate()
        daemon.wait(60.0)


def _running(station: Path) -> bool:
    return bool(qc_daemon("status", "--json", folder=station).document["state"] == "running")


def test_a_station_that_was_never_started_has_nothing_to_list(tmp_path: Path) -> None:
    ran = calibrate(a_station(tmp_path), "list")
    assert ran.status == 3
    assert "does not exist" in ran.err and "Traceback" not in ran.err


def test_a_wrong_certificate_is_found_by_check_and_a_missing_instrument_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "qc.toml").write_text(
        '[spectrometer]\nport = "/dev/null/none"\n[calibration]\nwhite_tile = "white.csv"\n', encoding="utf-8"
    )
    (tmp_path / "white.csv").write_text("wavelength_nm,reflectance\n900,99\n", encoding="utf-8")
    looked = qc_daemon("check", folder=tmp_path)
    assert looked.status == 1
    assert "FAIL  calibration: white.csv, line 2: reflectance is 99; expected a share" in looked.out
    ran = calibrate(tmp_path, "white")
    assert ran.status == 3 and "/dev/null/none" in ran.err and "Traceback" not in ran.err


def test_a_transfer_is_made_from_two_folders(tmp_path: Path) -> None:
    from models.training.datasets import write_dataset
    from models.virtual_mill.specimens import write_mill

    unit_a = write_mill(tmp_path / "a", 5, 1)
    moved = dataclasses.replace(
        unit_a,
        folder=tmp_path / "b",
        absorbance=1.05 * unit_a.absorbance + 0.03,
        image_paths=(None,) * len(unit_a),
        um_per_pixel=np.full(len(unit_a), np.nan),
        sample_counts=None,
        reference_counts=None,
        fibre_cover=None,
    )
    (tmp_path / "b").mkdir()
    write_dataset(moved)
    arguments = ("transfer", "--from", "b", "--to", "a", "--out", "b-to-a.json", "--method", "bias-slope")
    refused = calibrate(tmp_path, *arguments)
    assert refused.status == 2 and "are both of unit virtual; expected two units" in refused.err
    serials = ("--from-serial", "B", "--to-serial", "A")
    made = calibrate(tmp_path, *arguments, *serials, "--json")
    assert made.status == 0, made.err
    assert made.document["specimens"] == 5
    assert made.document["difference_after"] < 1e-6 < made.document["difference_before"]
    useless = calibrate(
        tmp_path, "transfer", "--from", "a", "--to", "a", "--out", "same.json", *serials, "--json"
    )
    assert useless.status == 1 and "does not help" in useless.err
