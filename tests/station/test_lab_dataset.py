"""From wet chemistry to a dataset, and from stored facts to new conclusions, as a person types it."""

from pathlib import Path

import numpy as np
import pytest
from command_line import qc_daemon

from models.training.datasets import read_dataset

SPECIMENS = 3


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A station that a mill went through."""
    folder = tmp_path_factory.mktemp("lab")
    assert qc_daemon("mill", "--specimens", SPECIMENS, "--out", folder / "mill").status == 0
    made = qc_daemon("demo", "--replay", folder / "mill", "--station", folder / "station", "--json")
    assert made.status == 0, made.err
    return folder / "station"


@pytest.fixture(scope="module")
def specimens(station: Path) -> list[str]:
    sql = "SELECT DISTINCT specimen FROM v_inspections ORDER BY specimen"
    return [
        row["specimen"] for row in qc_daemon("history", "sql", "--station", station, "--json", sql).document
    ]


def test_laboratory_results_become_a_dataset_that_can_be_read_for_training(station, specimens, tmp_path):
    results, out = tmp_path / "lab.csv", tmp_path / "dataset"
    rows = [
        f"{name},ISO 1833-11,SGS,2026-11-25,dry mass,{60 + n},{40 - n}" for n, name in enumerate(specimens)
    ]
    results.write_text("\n".join(["specimen,method,laboratory,date,basis,cotton,polyester", *rows, ""]))
    imported = qc_daemon("lab", "import", results, "--who", "Li Na", "--station", station)
    assert (imported.status, imported.err) == (0, "")
    made = qc_daemon("lab", "dataset", "--out", out, "--station", station)
    assert made.status == 0, made.err
    dataset = read_dataset(out)
    assert (set(dataset.specimens), dataset.fibres) == (set(specimens), ("cotton", "polyester"))
    wanted = {name: [0.60 + n / 100, 0.40 - n / 100] for n, name in enumerate(specimens)}
    np.testing.assert_allclose(dataset.shares, [wanted[name] for name in dataset.specimens], atol=1e-6)
    assert dataset.absorbance.shape == (len(dataset.specimens), len(dataset.wavelength_nm))
    assert np.isfinite(dataset.absorbance).all()
    assert all(path is not None and path.is_file() for path in dataset.image_paths)
    again = qc_daemon("lab", "dataset", "--out", out, "--station", station)
    assert (again.status, again.err.count("\n")) == (2, 1)
    assert "expected a new folder" in again.err


def test_conclude_all_leaves_out_what_was_retired_and_names_it(station, specimens, tmp_path):
    config = tmp_path / "qc.toml"
    config.write_text(f'[station]\nfolder = "{station}"\n\n[emulated_line]\n\n[retention]\nraw_days = 1e-9\n')
    gone = qc_daemon("retention", "--config", config)
    assert gone.status == 0, gone.err
    done = qc_daemon("conclude", "--all", "--config", config)
    assert done.status == 0, done.err
    assert done.err.count("left out, content") + done.out.count("left out, content") >= 1
    one = qc_daemon("conclude", "1", "--config", config)
    assert one.status == 1
    assert "was retired" in one.err
