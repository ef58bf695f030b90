"""The results on disk: one JSON line a measurement, so that a run that was killed goes on."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.model_tables.scores import SpecimenScore

_PACKAGES = ("textile-qc-station", "numpy", "scipy", "scikit-learn", "mindspore", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Key:
    """What a measurement is of."""

    task: str
    fold: str
    method: str
    seed: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """What measured: the commit and the versions of what it ran on."""

    commit: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Measurement:
    """The scores of one method on one fold.

    Attributes:
        data: name of the data, with the number of its specimens and spectra.
        seconds: to learn and to answer.
        measured_at: UTC, ISO 8601.
    """

    key: Key
    data: str
    scores: tuple[SpecimenScore, ...]
    seconds: float
    measured_at: str
    provenance: Provenance


class ResultFile:
    """Measurements as JSON lines; of several with one key the last one counts."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[Key, Measurement]:
        """Return all measurements; a line that a kill cut short is passed over, to be measured again."""
        if not self._path.is_file():
            return {}
        found = map(_parsed, self._path.read_text(encoding="utf-8").splitlines())
        return {measurement.key: measurement for measurement in found if measurement is not None}

    def append(self, measurement: Measurement) -> None:
        """Add a line that is on disk when this returns."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+b") as stream:
            line = json.dumps(asdict(measurement, dict_factory=_measured_only), ensure_ascii=False)
            stream.write(f"{_line_break(self._path)}{line}\n".encode())
            stream.flush()
            os.fsync(stream.fileno())


def provenance() -> Provenance:
    """Return what this process is; the commit is marked where files of the checkout differ from it."""
    versions = {name: version(name) for name in _PACKAGES} | {"python": platform.python_version()}
    commit = _git("rev-parse", "--short=12", "HEAD") or "unknown"
    changed = "+changes" if _git("status", "--porcelain", "--untracked-files=no") else ""
    return Provenance(commit + changed, versions)


def _git(*arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    asked = subprocess.run(
        [git, "-C", str(Path(__file__).parent), *arguments], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()


def _measured_only(fields: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in fields if value is not None}


def _parsed(line: str) -> Measurement | None:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return None
    return Measurement(
        key=Key(**entry["key"]),
        data=entry["data"],
        scores=tuple(SpecimenScore(**one) for one in entry["scores"]),
        seconds=entry["seconds"],
        measured_at=entry["measured_at"],
        provenance=Provenance(**entry["provenance"]),
    )


def _line_break(path: Path) -> str:
    """Return a line break if the file ends in the middle of a line."""
    content = path.read_bytes()[-1:]
    return "" if content in {b"", b"\n"} else "\n"
