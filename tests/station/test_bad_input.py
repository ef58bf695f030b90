"""What a user can do wrong: one clear line, the right exit status, and the station's data untouched."""

import hashlib
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from command_line import Ran, qc_daemon

EMULATED = '[station]\nfolder = "station"\n[emulated_line]\nspecimens = 2\nscan_time_s = 0.05\n'


def require_one_line(ran: Ran, status: int, *words: str) -> None:
    assert ran.status == status, ran.err
    assert ran.out == ""
    lines = [line for line in ran.err.splitlines() if line.strip()]
    assert len(lines) == 1, ran.err
    assert "Traceback" not in ran.err
    for word in words:
        assert word in lines[0]


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and file.suffix not in {".sqlite3-shm", ".sqlite3-wal"}
        and file.name != "station.lock"
    }


@pytest.fixture(scope="module")
def whole_station(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("station")
    made = qc_daemon("demo", "--specimens", 1, "--station", folder / "station", "--json")
    assert made.status == 0, made.err
    return folder / "station"


@pytest.fixture
def station(whole_station: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole_station, tmp_path / "station"))


def write(folder: Path, text: str) -> Path:
    file = folder / "qc.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_wrong_key(tmp_path: Path) -> None:
    config = write(tmp_path, EMULATED.replace("scan_time_s", "scan_time_ms"))
    require_one_line(
        qc_daemon("run", "--config", config), 2, str(config), "line 5", "emulated_line.scan_time_ms"
    )


def test_no_configuration(tmp_path: Path) -> None:
    require_one_line(qc_daemon("run", folder=tmp_path), 2, "qc.toml", "expected a readable TOML file")


def test_a_port_that_does_not_exist(station: Path, tmp_path: Path) -> None:
    config = write(tmp_path, f'[station]\nfolder = "{station}"\n[spectrometer]\nport = "/dev/ttyNONE"\n')
    before = fingerprint(station)
    ran = qc_daemon("inspect", "--specimen", "S-1", "--config", config)
    require_one_line(ran, 3, "/dev/ttyNONE", "does not exist")
    assert fingerprint(station) == before


def test_a_model_folder_with_one_byte_flipped(station: Path, tmp_path: Path) -> None:
    from qc_daemon.wiring.station import released_checkpoint

    model = Path(shutil.copytree(released_checkpoint(), tmp_path / "model"))
    weights = model / "model.onnx"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    before = fingerprint(station)
    ran = qc_daemon("conclude", "--all", "--station", station, "--model", model)
    require_one_line(ran, 2, str(weights), "SHA-256")
    assert fingerprint(station) == before


def test_a_database_of_a_newer_schema(station: Path) -> None:
    with sqlite3.connect(station / "qc.sqlite3") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    before = fingerprint(station)
    require_one_line(qc_daemon("conclude", "--all", "--station", station), 3, "qc.sqlite3", "9999")
    assert fingerprint(station) == before


def test_a_table_with_a_missing_column(tmp_path: Path) -> None:
    (tmp_path / "samples.csv").write_text("condition,cotton\na,1.0\n", encoding="utf-8")
    np.savez(tmp_path / "spectra.npz", wavelength_nm=np.arange(900.0, 910.0), absorbance=np.ones((1, 10)))
    ran = qc_daemon("demo", "--replay", tmp_path, "--station", tmp_path / "station")
    require_one_line(ran, 2, "samples.csv", "specimen")
    assert not (tmp_path / "station").exists()


def test_an_image_of_three_bytes(tmp_path: Path) -> None:
    made = qc_daemon("mill", "--specimens", 2, "--out", tmp_path / "mill")
    assert made.status == 0, made.err
    image = min((tmp_path / "mill" / "images").iterdir())
    image.write_bytes(b"abc")
    from qc_daemon.wiring.station import released_checkpoint

    ran = qc_daemon(
        "predict",
        "--checkpoint",
        released_checkpoint(),
        "--data",
        tmp_path / "mill",
        "--out",
        tmp_path / "p.csv",
    )
    require_one_line(ran, 2, str(image))
    assert not (tmp_path / "p.csv").exists()


def test_a_label_that_cannot_be_read(station: Path, tmp_path: Path) -> None:
    config = write(tmp_path, EMULATED)
    ran = qc_daemon("inspect", "--specimen", "S", "--label", "cotton 60 kryptonite 40", "--config", config)
    require_one_line(ran, 2, "kryptonite", "is not a known fibre")


def test_an_inspection_that_does_not_exist(station: Path) -> None:
    require_one_line(qc_daemon("report", "999", "--station", station), 2, "999")


def test_a_query_that_writes(station: Path) -> None:
    before = fingerprint(station)
    ran = qc_daemon("history", "sql", "--station", station, "DELETE FROM acquisitions")
    require_one_line(ran, 2)
    assert fingerprint(station) == before


def test_a_replay_of_a_folder_that_is_not_there(tmp_path: Path) -> None:
    ran = qc_daemon("demo", "--replay", tmp_path / "none", "--station", tmp_path / "station")
    require_one_line(ran, 2, "none", "expected a dataset folder")


def test_an_option_that_does_not_exist() -> None:
    ran = qc_daemon("demo", "--specimen", "3")
    assert ran.status == 2
    assert "Traceback" not in ran.err


def test_a_station_that_another_process_writes(station: Path) -> None:
    from qc_daemon.wiring.database import open_store
    from qc_daemon.wiring.lines import demo_config

    with open_store(demo_config(station)):
        require_one_line(qc_daemon("conclude", "--all", "--station", station), 3, "station")
