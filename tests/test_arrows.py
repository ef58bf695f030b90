"""The arrows of docs/architecture.md: all contracts hold, and each one bites when it is broken."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("qc_daemon", "instruments", "models", "storage", "reports")

# For each contract one import that it must forbid: (file to add the line to, line).
VIOLATIONS = {
    "domain-is-pure": ("qc_daemon/domain/verdict.py", "import pandas"),
    "rooms-are-strangers": ("reports/wording.py", "import storage.blobs"),
    "rooms-know-only-the-domain": ("storage/blobs.py", "import qc_daemon.pipeline"),
    "only-wiring-knows-both-sides": ("qc_daemon/pipeline.py", "import models.checkpoint"),
    "story-knows-no-actors": ("qc_daemon/pipeline.py", "import qc_daemon.wiring.station"),
    "page-knows-only-the-domain": ("qc_daemon/web/live.py", "import qc_daemon.pipeline"),
    "mindspore-only-under-models": ("storage/blobs.py", "import mindspore"),
    "sqlalchemy-only-under-storage": ("reports/wording.py", "import sqlalchemy"),
    "typst-only-under-reports": ("storage/blobs.py", "import typst"),
    "serial-only-under-instruments": ("storage/blobs.py", "import serial"),
}


def contract_ids() -> list[str]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["id"] for contract in config["tool"]["importlinter"]["contracts"]]


def lint(folder: Path, contract: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run import-linter in `folder`, whose packages win over the installed ones."""
    only = ["--contract", contract] if contract else []
    code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as c; c()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache", *only],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def copy_of_the_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("weights", "__pycache__")
        )
    return folder


def test_every_contract_has_a_violation_that_is_tried() -> None:
    assert set(contract_ids()) == set(VIOLATIONS)


def test_all_arrows_hold() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_contract_bites(contract: str, copy_of_the_house: Path) -> None:
    name, line = VIOLATIONS[contract]
    file = copy_of_the_house / name
    original = file.read_text(encoding="utf-8")
    file.write_text(f"{original}\n{line}\n", encoding="utf-8")
    try:
        result = lint(copy_of_the_house, contract)
    finally:
        file.write_text(original, encoding="utf-8")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "BROKEN" in result.stdout


def test_cameras_are_opened_only_under_instruments() -> None:
    """cv2 is used in several rooms; its VideoCapture is an instrument."""
    users = [
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        if re.search(r"\bVideoCapture\b", file.read_text(encoding="utf-8"))
    ]
    assert all(user.startswith("instruments/") for user in users)


def test_generic_package_names_are_ours() -> None:
    """`models` or `reports` of another distribution would shadow or be shadowed by ours."""
    from importlib.metadata import packages_distributions

    owners = packages_distributions()
    for package in PACKAGES:
        assert set(owners.get(package, ["textile-qc-station"])) == {"textile-qc-station"}


def test_what_serves_the_line_never_imports_mindspore(tmp_path: Path) -> None:
    """A whole inspection, its certificate, a check and a query: none of them needs MindSpore."""
    (tmp_path / "qc.toml").write_text("[station]\nfolder = 'station'\n[emulated_line]\nspecimens = 1\n")
    code = (
        "import sys; from qc_daemon.cli import main\n"
        "if __name__ == '__main__':\n"
        "    for words in ('inspect --specimen S', 'check', 'report 1 --out c.pdf', 'status',\n"
        "                  'history sql --json SELECT(1)', 'fsck'):\n"
        "        try: main(words.split())\n"
        "        except SystemExit as end: assert end.code in (0, 1), words\n"
        "    assert 'mindspore' not in sys.modules"
    )
    script = tmp_path / "serve.py"
    script.write_text(code, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
