"""Wrong dataset folders as a user meets them: one line, exit status 2, whatever the command."""

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import structlog
import structlog.testing
from tiny_isic import AXIS_NM, absorbance_of, tiny_checkpoint, tiny_examples

from models.training.train_isic_net import require_learnable
from qc_daemon.cli import main

HEADER = "specimen,hemp,jute,silk"
GOOD = f"{HEADER}\na,1,0,0\nb,0,1,0\nc,0,0,1\n"
PICTURE = cv2.imencode(".png", np.full((4, 4, 3), 128, np.uint8))[1].tobytes()


@pytest.fixture(autouse=True)
def _restored_log():
    yield
    structlog.reset_defaults()


@pytest.fixture
def ran(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str, Path], tuple[int, str]]:
    """Run a command on a folder; return its exit status and what it said on stderr."""

    def run(command: str, folder: Path) -> tuple[int, str]:
        model = tiny_checkpoint().folder
        arguments = {
            "train": ["train", "isic", "--out", tmp_path / "model", "--epochs", 1],
            "evaluate": ["evaluate", "isic", "--checkpoint", model],
            "predict": ["predict", "--checkpoint", model, "--out", tmp_path / "p.csv"],
        }[command]
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in [*arguments, "--data", folder]])
        assert isinstance(end.value.code, int)
        return end.value.code, capsys.readouterr().err

    return run


def a_folder(path: Path, table: str | bytes = GOOD, **arrays: object) -> Path:
    """Write three pure specimens; `table` and `arrays` replace what is to be wrong, None leaves it out."""
    path.mkdir(exist_ok=True)
    absorbance = absorbance_of(np.eye(3), AXIS_NM, np.random.default_rng(0))
    whole = {"wavelength_nm": AXIS_NM, "absorbance": absorbance} | arrays
    np.savez(path / "spectra.npz", **{key: value for key, value in whole.items() if value is not None})
    (path / "samples.csv").write_bytes(table.encode() if isinstance(table, str) else table)
    return path


def spoilt(row: int, band: int, value: float) -> np.ndarray:
    absorbance = absorbance_of(np.eye(3), AXIS_NM, np.random.default_rng(0))
    absorbance[row, band] = value
    return absorbance


def with_line(number: int, line: str) -> str:
    lines = GOOD.splitlines()
    lines[number] = line
    return "\n".join(lines) + "\n"


def pictured(*names: str) -> str:
    rows = zip(GOOD.splitlines()[1:], names, strict=True)
    return "\n".join([f"{HEADER},image", *(f"{row},{name}" for row, name in rows)])


TABLES = {
    "a sum below 1": (with_line(2, "b,0,0.7,0"), ["row 2 (line 3)", "0.700", "expected 1"]),
    "a sum above 1": (with_line(1, "a,1,0.5,0"), ["row 1 (line 2)", "1.500", "expected 1"]),
    "a negative share": (with_line(3, "c,-0.2,0.2,1"), ["row 3", "hemp", "-0.2", "0..1"]),
    "a share above 1": (with_line(2, "b,0,1.7,0"), ["row 2", "jute", "1.7", "0..1"]),
    "one row in percent": (with_line(2, "b,0,60,40"), ["row 2", "jute", "60", "percent"]),
    "all in percent": (f"{HEADER}\na,100,0,0\nb,30,70,0\nc,20,30,50\n", ["percent", "divide them by 100"]),
    "a share that is nan": (with_line(2, "b,0,nan,0"), ["row 2", "jute", "nan"]),
    "a share that is inf": (with_line(2, "b,0,inf,0"), ["row 2", "jute", "inf"]),
    "a share that is a word": (with_line(2, "b,0,all,0"), ["row 2", "jute", "all"]),
    "a share that is missing": (with_line(2, "b,0,,1"), ["row 2", "jute"]),
    "a cell too few": (with_line(2, "b,0,1"), ["row 2", "3 cells", "expected 4"]),
    "a row too many": (GOOD + "d,1,0,0\n", ["spectra.npz", "3 rows", "samples.csv has 4"]),
    "no specimens": ("hemp,jute,silk\n1,0,0\n0,1,0\n0,0,1\n", ['"specimen"', "hemp, jute, silk"]),
    "a specimen without name": (with_line(3, ",0,0,1"), ["row 3", "specimen is empty"]),
    "semicolons": (GOOD.replace(",", ";"), ['"specimen"', "specimen;hemp"]),
    "a column twice": (GOOD.replace("jute", "hemp"), ['"hemp"', "twice"]),
    "nothing": ("", ["no rows"]),
    "a header only": (f"{HEADER}\n", ["no rows"]),
    "another encoding": (GOOD.replace("a", "棉").encode("gb18030"), ["UTF-8"]),
    "a spreadsheet": (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00\xff\xfe", ["UTF-8"]),
    "zero bytes": (GOOD.replace("a,", "a\0,"), ["zero bytes"]),
    "a missing image": (pictured("", "gone.png", ""), ["row 2", "gone.png", "missing"]),
    "an image outside": (pictured("", "", "../out.png"), ["row 3", "../out.png", "outside the folder"]),
    "an absolute image": (pictured("/etc/passwd", "", ""), ["row 1", "/etc/passwd", "outside the folder"]),
    "an image that is text": (pictured("samples.csv", "", ""), ["row 1", "samples.csv is no image"]),
    "an image with an endless name": (pictured("x" * 300, "", ""), ["row 1", "missing"]),
}

ARRAYS = {
    "no absorbance": ({"absorbance": None}, ['"absorbance"']),
    "no wavelengths": ({"wavelength_nm": None}, ['"wavelength_nm"']),
    "nan": ({"absorbance": spoilt(1, 4, np.nan)}, ["row 2, column 5", "nm)", "nan", "finite"]),
    "inf": ({"absorbance": spoilt(2, 0, -np.inf)}, ["row 3, column 1 (1000 nm)", "-inf"]),
    "a row too few": ({"absorbance": np.ones((2, 90))}, ["2 rows", "samples.csv has 3"]),
    "a band too few": ({"absorbance": np.ones((3, 89))}, ["(3, 89)", "(3, 90)"]),
    "a wavelength twice": ({"wavelength_nm": np.repeat(AXIS_NM[::2], 2)}, ["twice the same", "1 and 2"]),
    "a descending axis": ({"wavelength_nm": AXIS_NM[::-1]}, ["not ascending", "1800"]),
    "a nan axis": ({"wavelength_nm": np.full(90, np.nan)}, ["not finite at value 1"]),
    "words": ({"absorbance": np.full((3, 90), "x")}, ["absorbance", "real numbers"]),
    "counts of another shape": ({"sample": np.ones((3, 5))}, ["sample", "(3, 5)"]),
    "nan counts": ({"reference": np.full((3, 90), np.nan)}, ["reference", "row 1, column 1"]),
}  # fmt: skip

COMMANDS = pytest.mark.parametrize("command", ["train", "evaluate", "predict"])


def require_one_line(done: tuple[int, str], *words: str) -> None:
    status, said = done
    assert status == 2, said
    assert said.startswith("qc-daemon: ")
    assert said.count("\n") == 1, said
    for word in words:
        assert word in said


@COMMANDS
@pytest.mark.parametrize("fault", TABLES)
def test_a_wrong_table_is_named_by_row_and_column(ran, tmp_path: Path, command: str, fault: str) -> None:
    table, words = TABLES[fault]
    (tmp_path / "out.png").write_bytes(PICTURE)
    require_one_line(ran(command, a_folder(tmp_path / "set", table)), str(tmp_path / "set"), *words)
    assert not (tmp_path / "p.csv").exists()
    assert not (tmp_path / "model").exists()


@COMMANDS
@pytest.mark.parametrize("fault", ARRAYS)
def test_a_wrong_archive_is_named_by_array_row_and_wavelength(
    ran, tmp_path: Path, command: str, fault: str
) -> None:
    arrays, words = ARRAYS[fault]
    require_one_line(ran(command, a_folder(tmp_path / "set", **arrays)), "spectra.npz", *words)


@COMMANDS
@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00v\x00{'descr'", PICTURE])
def test_an_archive_that_cannot_be_read_is_named(
    ran, tmp_path: Path, command: str, content: bytes | None
) -> None:
    archive = a_folder(tmp_path / "set") / "spectra.npz"
    archive.unlink()
    if content is not None:
        archive.write_bytes(content)
    require_one_line(
        ran(command, tmp_path / "set"), str(archive), "expected" if content is None else "cannot"
    )


@COMMANDS
def test_a_folder_without_table_and_no_folder_at_all_are_named(ran, tmp_path: Path, command: str) -> None:
    require_one_line(ran(command, tmp_path / "none"), "none: no such folder")
    (tmp_path / "set").mkdir()
    require_one_line(ran(command, tmp_path / "set"), "expected samples.csv beside spectra.npz")


@pytest.mark.parametrize("command", ["train", "evaluate"])
@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("specimen,note\na,x\nb,y\nc,z\n", ["no fibre columns"]),
        (f"{HEADER}\na,0,0,0\nb,0,0,0\nc,0,0,0\n", ["every row is without specimen"]),
    ],
)
def test_without_shares_there_is_nothing_to_learn_or_to_compare(
    ran, tmp_path: Path, command: str, table: str, words: list[str]
) -> None:
    require_one_line(ran(command, a_folder(tmp_path / "set", table)), "samples.csv", *words)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (f"{HEADER}\na,1,0,0\na,1,0,0\na,1,0,0\n", ["one specimen", "two or more"]),
        (GOOD, ["3 specimens of as many fibres", "two or more"]),
    ],
)
def test_too_few_specimens_cannot_be_trained_on(ran, tmp_path: Path, table: str, words: list[str]) -> None:
    require_one_line(ran("train", a_folder(tmp_path / "set", table)), "samples.csv", *words)
    assert not (tmp_path / "model").exists()


def test_specimens_of_fibres_that_the_model_does_not_know_cannot_be_evaluated(ran, tmp_path: Path) -> None:
    table = "specimen,ramie\na,1\nb,1\nc,1\n"
    require_one_line(ran("evaluate", a_folder(tmp_path / "set", table)), "hemp, jute, silk")


@pytest.mark.parametrize(
    "table",
    [
        "specimen\na\nb\nc\n",
        "specimen,note,tension\na,x,100\nb,y,100\nc,z,100\n",
        "specimen,ramie,cotton\na,1,0\nb,0,1\nc,0.5,0.5\n",
        "label,folder\nramie,a\nunknown,b\nhemp,c\n",
    ],
)
def test_prediction_asks_for_no_shares_and_for_no_known_fibre(ran, tmp_path: Path, table: str) -> None:
    assert ran("predict", a_folder(tmp_path / "set", table)) == (0, "")
    with (tmp_path / "p.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["specimen"] for row in rows] == ["a", "b", "c"]
    assert [row["class"] for row in rows] == ["hemp", "jute", "silk"]


def test_predictions_that_cannot_be_written_are_named(tmp_path: Path, ran) -> None:
    (tmp_path / "p.csv").mkdir()
    require_one_line(ran("predict", a_folder(tmp_path / "set")), "p.csv: cannot be written")


def test_the_only_specimen_of_a_fibre_is_said_to_be_untested() -> None:
    examples = tiny_examples(8)
    main_fibre = examples.shares.argmax(axis=1)
    lone = np.flatnonzero(main_fibre == 2)[:1]
    with structlog.testing.capture_logs() as said:
        require_learnable(examples.take(np.concatenate([np.flatnonzero(main_fibre != 2), lone])), [])
    assert [(line["log_level"], line["fibre"]) for line in said] == [("warning", "silk")]
    with structlog.testing.capture_logs() as said:
        require_learnable(examples, [])
    assert said == []
