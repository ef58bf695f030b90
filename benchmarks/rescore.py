"""`python -m benchmarks.rescore`: how much faster do two workers judge a history than one?

Both runs start from copies of one station and judge every acquisition of it with the shipped model. A
quarter of the conclusions is left out, in which Ray starts and each worker loads the model; the whole time
of the command stands beside it.

Other work on the machine changes the ratio. Beside it stands what the processor time says: one acquisition
costs so much in a worker and so much in all other processes, and with one worker on each of two cores
nothing else is there to wait for than the sum of both.
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
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.checkpoint import RELEASED
from qc_daemon.clock import new_id
from qc_daemon.wiring.archive import archive_config, find_numbers
from qc_daemon.wiring.database import open_store
from qc_daemon.wiring.rescore import rescore

_DAEMON = [sys.executable, "-c", "from qc_daemon.cli import main; main()"]
_RESULTS = Path(__file__).parent / "results" / "rescore.json"
_MEASURED_SPECIMENS = 20
_WORKER = "ray::MapWorker"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def station_with_history(folder: Path, acquisitions: int) -> tuple[Path, Path]:
    """Make a station of virtual specimens; return its folder and that of a model it does not know yet."""
    station, model = folder / "station", folder / "isic-net-renamed"
    command = ["demo", "--specimens", str(_MEASURED_SPECIMENS), "--station", str(station)]
    subprocess.run([*_DAEMON, *command], check=True, stdout=subprocess.DEVNULL)
    measure_again(station, acquisitions)
    other_version(model)
    return station, model


def measure_again(station: Path, acquisitions: int) -> None:
    """Let a station accept what it has measured again and again, until it has so many acquisitions."""
    with open_store(archive_config(Path("none"), station)) as store:
        store.recover()
        measured = [store.load_acquisition(number) for number in find_numbers(store, ())]
        for index in range(acquisitions - len(measured)):
            store.add_acquisition(replace(measured[index % len(measured)], id=new_id()))


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
    """Return acquisitions a second of a run with that many workers, and what one costs."""
    stored_at: list[float] = []
    used, at_quarter = _ProcessorTime(os.getpid()), {}
    started_s = time.monotonic()

    def tell(done: int, total: int) -> None:
        stored_at.append(time.monotonic())
        if done % 8 == 0 or done == total // 4:  # workers end before the last of their conclusions is stored
            used.look()
        if done == total // 4:
            at_quarter.update(used.seconds)

    done = rescore(archive_config(Path("qc.toml"), station), str(model), None, workers, tell)
    counted = done.drawn - done.drawn // 4
    cost_ms: defaultdict[bool, float] = defaultdict(float)
    for pid, seconds in used.seconds.items():
        cost_ms[pid in used.workers] += 1000.0 * (seconds - at_quarter.get(pid, 0.0)) / counted
    return {
        "workers": workers,
        "acquisitions": done.drawn,
        "per_s": round(counted / (stored_at[-1] - stored_at[done.drawn // 4 - 1]), 2),
        "worker_ms": round(cost_ms[True], 1),
        "others_ms": round(cost_ms[False], 1),
        "whole_command_s": round(time.monotonic() - started_s, 1),
    }


class _ProcessorTime:
    """Processor time of a process and all below it, as it was when each was last seen.

    Attributes:
        seconds: by process.
        workers: processes that are workers of Ray Data, or below one.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self.seconds: dict[int, float] = {}
        self.workers: set[int] = set()

    def look(self) -> None:
        """See what each has used by now."""
        found = dict(_processes())
        for pid, (_, _, seconds) in found.items():
            line = [pid]
            while line[-1] in found:
                line.append(found[line[-1]][1])
            if self._root in line:
                self.seconds[pid] = seconds
                if any(found[one][0].startswith(_WORKER) for one in line if one in found):
                    self.workers.add(pid)


def _processes() -> Iterator[tuple[int, tuple[str, int, float]]]:
    """Yield each process with its name, its parent and the seconds that it has used."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text("utf-8").partition(" (")[2].rpartition(") ")
        except OSError:
            continue  # it has ended
        fields = rest.split()
        yield int(folder.name), (name, int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS_PER_S)


def main() -> None:
    """Measure one and two workers, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--acquisitions", type=int, default=400)
    acquisitions = parser.parse_args().acquisitions
    with tempfile.TemporaryDirectory() as scratch:
        station, model = station_with_history(Path(scratch), acquisitions)
        rows = []
        for workers in (1, 2):
            copy = shutil.copytree(station, Path(scratch) / f"with-{workers}")
            rows.append(measure(copy, model, workers))
    alone = rows[0]["worker_ms"]
    result = {
        "rows": rows,
        "two_against_one": round(rows[1]["per_s"] / rows[0]["per_s"], 2),
        "two_against_one_by_processor_time": round(
            2.0 * alone / (rows[1]["worker_ms"] + rows[1]["others_ms"]), 2
        ),
        "cores": os.cpu_count(),
        "load_average_1_min": round(os.getloadavg()[0], 1),
    }
    _RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
