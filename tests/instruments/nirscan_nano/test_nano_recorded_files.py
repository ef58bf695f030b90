"""Files recorded from two real instruments: to 1e-6 nm, to the count, to 1e-6 absorbance."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from instruments.nirscan_nano.axis import column_axis, wavelengths_nm
from instruments.nirscan_nano.files import read_scan_file
from instruments.nirscan_nano.scan_container import decode_scan, encode_scan
from qc_daemon.domain.spectrum import InstrumentIdentity, WhiteReference, absorbance_spectrum

FOLDERS = ("nirscan_3garments", "nirscan_swatches")


@pytest.fixture
def dat(qc_data: Path) -> Path:
    """A scan and its reference, 7644 bytes, as they came out of the device."""
    (path,) = (qc_data / "nirscan_3garments" / "raw_examples").glob("*.dat")
    assert path.stat().st_size == 7644
    return path


def test_the_device_bytes_give_the_makers_wavelengths_counts_and_absorbance(qc_data: Path, dat: Path) -> None:
    recorded = read_scan_file(dat)
    with np.load(qc_data / "nirscan_3garments" / "spectra.npz") as table:
        # The last row is the table that the maker's software saved beside these bytes.
        wavelength_nm, absorbance, sample = (
            table["wavelength_nm"],
            table["absorbance"][-1],
            table["sample"][-1],
        )
    assert np.abs(recorded.scan.wavelength_nm - wavelength_nm).max() < 1e-6
    assert np.abs(recorded.scan.net_counts - sample).max() < 0.2
    found = np.log10(recorded.reference.net_counts / recorded.scan.net_counts)
    assert np.abs(found - absorbance).max() < 1e-6
    assert recorded.scan.settings.pga_gain == 64
    assert recorded.scan.conditions.system_temperature_c == 37.31
    assert (len(recorded.scan.raw), len(recorded.reference.raw)) == (3822, 3822)


def test_the_encoder_writes_the_device_bytes_again_to_the_last_one(dat: Path) -> None:
    content = dat.read_bytes()
    for blob in (content[:3822], content[3822:]):
        assert encode_scan(decode_scan(blob)) == blob


def test_every_saved_table_gives_its_own_absorbance_again(qc_data: Path) -> None:
    paths = [path for folder in FOLDERS for path in (qc_data / folder / "raw_examples").glob("*.csv")]
    assert len(paths) >= 10
    for path in paths:
        recorded = read_scan_file(path)
        device = InstrumentIdentity("nirscan-nano", "NIRscan Nano", recorded.scan.serial, "2.1.0")
        at = datetime(2026, 11, 24, tzinfo=UTC)
        white = WhiteReference("id", "factory", "factory", recorded.reference, np.ones(228), device, at)
        found = absorbance_spectrum(recorded.scan, white).absorbance
        table = np.loadtxt(path, delimiter=",", skiprows=22)
        assert np.abs(recorded.scan.wavelength_nm - table[:, 0]).max() < 1e-6, path.name
        assert np.abs(found - table[:, 1]).max() < 1e-6, path.name


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_axis_of_both_instruments_fits_the_wire(qc_data: Path, folder: str) -> None:
    with np.load(qc_data / folder / "spectra.npz") as table:
        wanted = table["wavelength_nm"]
    axis = column_axis(wanted)
    assert np.abs(wavelengths_nm(axis) - wanted).max() < 1e-6
    assert (axis.start_nm, axis.end_nm, axis.width_px) == (900, 1700, 6)
