"""`python -m benchmarks.rescore`: how much faster do two workers judge a history than one?

Both runs start from copies of one station and judge every acquisition of it with the shipped model.
Counted is the time to the last conclusion from the moment when each worker has its first batch done, so
that starting Ray and loading the model are left out; the whole time of the command stands beside it.
Other work on the machine changes the ratio.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from models.checkpoint import RELEASED
from qc_daemon.wiring.archive import archive_config
from qc_daemon.wiring.rescore import BATCH, rescore

_DAEMON = [sys.executable, "-c", "from qc_daemon.cli import main; main()"]
_RESULTS = Path(__file__).parent / "results" / "rescore.json"


def station_with_history(folder: Path, specimens: int) -> tuple[Path, Path]:
    """Make a station of virtual specimens; return its folder and that of a model it does not know yet."""
    station, model = folder / "station", folder / "isic-net-renamed"
    mill = folder / "mill"
    for command in (
        ["mill", "--specimens", str(specimens), "--out", str(mill)],
        ["demo", "--replay", str(mill), "--station", str(station)],
    ):
        subprocess.run([*_DAEMON, *command], check=True, stdout=subprocess.DEVNULL)
    other_version(model)
    return station, model


def other_version(folder: Path) -> None:
    """Put a copy of the shipped model there whose manifest, and so its digest, differs."""
    shutil.copytree(RELEASED, folder)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8")) | {"name": folder.name}
    content = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(content)
    (folder / "manifest.sha256").write_text(
        f"{hashlib.sha256(content).hexdigest()}  manifest.json\n", "ascii"
    )


def measure(station: Path, model: Path, workers: int) -> dict[str, Any]:
    """Return acquisitions a second of a run with that many workers."""
    stored_at: list[float] = []
    started_s = time.monotonic()
    config = archive_config(Path("qc.toml"), station)
    rescore(config, str(model), None, workers, lambda _done, _total: stored_at.append(time.monotonic()))
    first = BATCH * workers
    return {
        "workers": workers,
        "acquisitions": len(stored_at),
        "per_s": round((len(stored_at) - first) / (stored_at[-1] - stored_at[first - 1]), 2),
        "whole_command_s": round(time.monotonic() - started_s, 1),
    }


def main() -> None:
    """Measure one and two workers, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specimens", type=int, default=200)
    specimens = parser.parse_args().specimens
    with tempfile.TemporaryDirectory() as scratch:
        station, model = station_with_history(Path(scratch), specimens)
        rows = []
        for workers in (1, 2):
            copy = shutil.copytree(station, Path(scratch) / f"with-{workers}")
            rows.append(measure(copy, model, workers))
    result = {
        "rows": rows,
        "two_against_one": round(rows[1]["per_s"] / rows[0]["per_s"], 2),
        "cores": os.cpu_count(),
        "load_average_1_min": round(os.getloadavg()[0], 1),
    }
    _RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
