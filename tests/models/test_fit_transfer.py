"""Transfer between two units of the virtual mill (simulated), from dataset folders to a file and back."""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from models.training.dataset import Dataset
from models.training.fit_transfer import fit_transfer
from models.transfer_file import read_transfer, write_transfer
from models.virtual_mill.spectra import (
    ScanSetting,
    draw_fabric,
    draw_scan_setting,
    nirscan_nano_axis,
    simulate_scan,
)
from qc_daemon.domain.errors import DatasetError, InputError
from qc_daemon.domain.spectrum import Spectrum
from qc_daemon.domain.transfer import transferred

FIBRES = ("cotton", "polyester")
AXIS_A = nirscan_nano_axis()
# Mirror columns of a second unit: 1.5 nm and a little stretched from the first.
AXIS_B = nirscan_nano_axis((1777.2, -0.9172, -0.000235))


def of_unit_b(setting: ScanSetting) -> ScanSetting:
    """The same piece on a unit that is 2 nm off, less sharp, with more stray light and window reflection."""
    return dataclasses.replace(
        setting,
        wavelength_shift_nm=setting.wavelength_shift_nm + 2.0,
        resolution_nm=setting.resolution_nm + 2.5,
        stray_light=3.5 * setting.stray_light,
        window_reflectance=setting.window_reflectance + 0.02,
    )


def two_units(count: int, seed: int, first: int = 0) -> tuple[Dataset, Dataset]:
    """Datasets of the same specimens on unit A and on unit B."""
    seen_a, seen_b, shares = [], [], []
    for index in range(first, first + count):
        random = np.random.default_rng([seed, index])
        cotton = random.uniform()
        fabric = draw_fabric({"cotton": cotton, "polyester": 1.0 - cotton}, random)
        setting = dataclasses.replace(draw_scan_setting(random), wavelength_shift_nm=0.0, resolution_nm=10.0)
        seen_a.append(simulate_scan(fabric, setting, AXIS_A, random).absorbance)
        seen_b.append(simulate_scan(fabric, of_unit_b(setting), AXIS_B, random).absorbance)
        shares.append((cotton, 1.0 - cotton))
    names = tuple(f"S-{index}" for index in range(first, first + count))
    return tuple(
        Dataset(
            folder=Path(unit),
            wavelength_nm=axis_nm,
            absorbance=np.array(absorbance),
            fibres=FIBRES,
            shares=np.array(shares),
            specimens=names,
            conditions=("",) * count,
            image_paths=(None,) * count,
            um_per_pixel=np.full(count, np.nan),
            sample_counts=None,
            reference_counts=None,
            instruments=(f"NIRscan Nano {unit}",) * count,
        )
        for unit, axis_nm, absorbance in (("A", AXIS_A, seen_a), ("B", AXIS_B, seen_b))
    )  # type: ignore[return-value]


@pytest.mark.parametrize("method", ["bias-slope", "pds", "best"])
def test_specimens_that_were_not_used_come_close_to_what_the_other_unit_sees(method: str) -> None:
    unit_a, unit_b = two_units(16, 1)
    fitted = fit_transfer(unit_b, unit_a, None, None, method)  # type: ignore[arg-type]
    assert (fitted.transfer.source_serial, fitted.transfer.target_serial) == ("B", "A")
    fresh_a, fresh_b = two_units(16, 1, first=100)
    errors = {"raw": [], "transferred": []}
    for seen_a, seen_b in zip(fresh_a.absorbance, fresh_b.absorbance, strict=True):
        answer = transferred(Spectrum(AXIS_B, seen_b, np.ones(len(AXIS_B), bool)), fitted.transfer)
        truth = np.interp(fitted.transfer.wavelength_nm, AXIS_A, seen_a)
        raw = np.interp(fitted.transfer.wavelength_nm, AXIS_B, seen_b)
        errors["raw"].append(np.mean((raw - truth) ** 2))
        errors["transferred"].append(np.nanmean((answer.absorbance - truth) ** 2))
    raw_rms, transferred_rms = (float(np.sqrt(np.mean(errors[name]))) for name in ("raw", "transferred"))
    assert transferred_rms < 0.6 * raw_rms
    # What is said of it beforehand, from the specimens that it was made of, is no promise out of the air.
    assert fitted.before == pytest.approx(raw_rms, rel=0.5)
    assert fitted.after == pytest.approx(transferred_rms, rel=1.0)


def test_specimens_are_matched_by_name_and_the_scans_of_one_are_averaged() -> None:
    unit_a, unit_b = two_units(6, 2)
    order = [5, 3, 1, 0, 2, 4, 4]
    shuffled = dataclasses.replace(
        unit_b,
        absorbance=unit_b.absorbance[order],
        shares=unit_b.shares[order],
        specimens=tuple(unit_b.specimens[place] for place in order),
        conditions=("",) * 7,
        image_paths=(None,) * 7,
        um_per_pixel=np.full(7, np.nan),
        instruments=("",) * 7,
    )
    straight = fit_transfer(unit_b, unit_a, None, None, "bias-slope")
    mixed = fit_transfer(shuffled, unit_a, "B", None, "bias-slope")
    assert len(mixed.specimens) == 6
    np.testing.assert_allclose(mixed.transfer.offset, straight.transfer.offset, atol=1e-9)


def test_units_that_have_too_little_in_common_are_refused() -> None:
    unit_a, unit_b = two_units(4, 3)
    others = dataclasses.replace(unit_b, specimens=("S-0", "S-1", "X", "Y"))
    with pytest.raises(DatasetError, match="have 2 specimens in common; expected at least 3"):
        fit_transfer(others, unit_a, None, None, "best")
    far = dataclasses.replace(unit_b, wavelength_nm=AXIS_B + 2000.0)
    with pytest.raises(DatasetError, match="no wavelengths in common"):
        fit_transfer(far, unit_a, None, None, "best")
    nameless = dataclasses.replace(unit_b, instruments=("",) * 4)
    with pytest.raises(DatasetError, match="B does not name one instrument; expected --from-serial"):
        fit_transfer(nameless, unit_a, None, None, "bias-slope")
    holed = dataclasses.replace(
        unit_b, absorbance=np.where(np.arange(4)[:, None] == 2, np.nan, unit_b.absorbance)
    )
    with pytest.raises(DatasetError, match="specimen S-2: absorbance is not finite"):
        fit_transfer(holed, unit_a, None, None, "bias-slope")


def test_a_transfer_comes_back_from_its_file_bit_for_bit_with_the_hash_of_its_bytes(tmp_path: Path) -> None:
    unit_a, unit_b = two_units(4, 4)
    made = write_transfer(tmp_path / "b-to-a.json", fit_transfer(unit_b, unit_a, None, None, "pds").transfer)
    read = read_transfer(tmp_path / "b-to-a.json")
    assert made.digest == read.digest == hashlib.sha256((tmp_path / "b-to-a.json").read_bytes()).hexdigest()
    for name in ("wavelength_nm", "offset", "coefficients"):
        np.testing.assert_array_equal(getattr(read, name), getattr(made, name))
    assert (read.source_serial, read.target_serial, read.method) == ("B", "A", made.method)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "unit-transfer-2"}, 'expected the format "unit-transfer-1"'),
        ({"offset": [0.0]}, "offset has shape .* expected a whole transfer"),
        ({"method": None, "offset": None}, "expected a whole transfer"),
    ],
)
def test_a_file_that_is_no_transfer_is_one_line(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    unit_a, unit_b = two_units(4, 4)
    path = tmp_path / "b-to-a.json"
    write_transfer(path, fit_transfer(unit_b, unit_a, None, None, "bias-slope").transfer)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(InputError, match=message) as refused:
        read_transfer(path)
    assert str(refused.value).startswith(str(path)) and "\n" not in str(refused.value)


def test_a_file_that_is_not_there_or_no_json_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text("no", encoding="utf-8")
    for name in ("none.json", "no.json"):
        with pytest.raises(InputError, match="expected a file of `qc-daemon calibrate transfer`"):
            read_transfer(tmp_path / name)
