"""Tapes: they come back as they were written, and say what is wrong with them."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from nano_builders import a_tape

from instruments.emulators.tape import Tape, counts_of_absorbance, read_tape, write_tape
from qc_daemon.domain.errors import DatasetError


def test_a_tape_comes_back_as_it_was_written(tmp_path: Path) -> None:
    tape = replace(a_tape(), humidity_percent=np.array([20.0, np.nan, 30.0]), names=("棉 60%", "b", ""))
    write_tape(tmp_path / "scans.npz", tape)
    again = read_tape(tmp_path / "scans.npz")
    for field in fields(Tape):
        value = getattr(tape, field.name)
        if isinstance(value, np.ndarray):
            assert np.array_equal(getattr(again, field.name), value, equal_nan=value.dtype.kind == "f")
        else:
            assert getattr(again, field.name) == value


def test_the_same_tape_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_tape(tmp_path / name, a_tape())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample_counts": np.zeros((2, 228))}, "sample_counts has shape"),
        (
            {"wavelength_nm": np.linspace(1700, 900, 228)},
            "wavelength_nm must be finite and strictly ascending",
        ),
        ({"reference_index": np.array([0, 1, 0])}, "reference_index leaves 0..0"),
        ({"serial": "123456789"}, "expected 1 to 8 ASCII characters"),
        ({"pga_gain": 48}, "pga_gain is 48, expected a power of 2"),
        ({"repeats": 0}, "repeats is 0"),
    ],
)
def test_a_tape_that_contradicts_itself_is_not_made(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(a_tape(), **changes)  # type: ignore[arg-type]


def test_counts_made_of_absorbance_give_it_back_without_clipping() -> None:
    absorbance = np.array([[-0.2, 0.0, 0.5, 1.5], [3.0, 0.1, -0.09, 0.3]])
    sample, reference = counts_of_absorbance(absorbance)
    assert np.abs(np.log10(reference / sample) - absorbance).max() < 1e-4
    assert np.array_equal(sample, np.rint(sample))
    assert max(sample.max(), reference.max()) < 0.9 * 2**23


def test_what_is_no_tape_is_named_in_one_line(tmp_path: Path) -> None:
    text, empty, other, odd = (tmp_path / name for name in ("text.npz", "empty.npz", "other.npz", "odd.npz"))
    text.write_text("not an archive")
    empty.write_bytes(b"")
    np.savez(other, absorbance=np.zeros(3))
    write_tape(odd, a_tape())
    arrays = dict(np.load(odd))
    np.savez(odd, **(arrays | {"sample_counts": arrays["sample_counts"][:, :5]}))
    for path in (text, empty, other, odd, tmp_path / "absent.npz"):
        with pytest.raises(DatasetError) as refusal:
            read_tape(path)
        assert str(refusal.value).startswith(f"{path}: ")
        assert "expected" in str(refusal.value)
        assert "\n" not in str(refusal.value)
