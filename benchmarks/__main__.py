"""`make bench`: measures the station and writes benchmarks/results.json.

Times are medians and shares of one run on this machine; the specimens are virtual (simulated).
"""

import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import certificate, half_precision, serving
from benchmarks.evidence import Witness, as_table, measure_virtual
from models.checkpoint import RELEASED, load_checkpoint
from models.virtual_mill.specimens import write_mill

_DAEMON = [sys.executable, "-c", "from qc_daemon.cli import main; main()"]
_RESULTS = Path(__file__).parent / "results.json"
_PHASES = ("acquire", "accept", "infer", "record", "report")


def measure_inspections(folder: Path, specimens: int) -> list[dict[str, Any]]:
    """Return a row a phase: median and longest seconds, and its share of the whole inspection."""
    document = _demo("--specimens", str(specimens), "--station", str(folder / "paced"))
    seconds = [one["seconds"] for one in document["inspections"]]
    whole = statistics.median(sum(one.values()) for one in seconds)
    return [_phase(phase, [one[phase] for one in seconds], whole) for phase in _PHASES]


def measure_replay(folder: Path, specimens: int) -> list[dict[str, Any]]:
    """Return how fast recorded scans pass through the whole station when nothing waits for a lamp."""
    subprocess.run(
        [*_DAEMON, "mill", "--specimens", str(specimens), "--out", str(folder / "mill")],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    document = _demo("--replay", str(folder / "mill"), "--station", str(folder / "replay"))
    seconds = [sum(one["seconds"].values()) for one in document["inspections"]]
    row = _phase("whole inspection, replayed unpaced", seconds, statistics.median(seconds))
    row["largest difference from predict, pp"] = document["replay"]["largest_difference_pp"]
    return [row]


def _phase(name: str, seconds: list[float], whole: float) -> dict[str, Any]:
    return {
        "what": name,
        "median_ms": round(1000 * statistics.median(seconds), 1),
        "longest_ms": round(1000 * max(seconds), 1),
        "share_of_inspection": round(statistics.median(seconds) / whole, 3),
        "n": len(seconds),
    }


def _demo(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [*_DAEMON, "demo", "--json", *arguments], check=True, capture_output=True, text=True
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def main() -> None:
    """Measure, print a table, write the results."""
    with tempfile.TemporaryDirectory() as scratch:
        rows = measure_inspections(Path(scratch), 12) + measure_replay(Path(scratch), 24)
        shown = serving.specimens(Path(scratch) / "shown")
        latencies = serving.measure_latency(RELEASED, shown, serving.CALLS)
        memory = serving.measure_worker_memory(RELEASED, shown, serving.LONG_RUN)
        rounded = write_mill(Path(scratch) / "rounded", 100, 310)
        half = half_precision.half_precision_cost(load_checkpoint(RELEASED), rounded)
    certificates = certificate.measure_certificates()
    evidence = measure_virtual(Witness(load_checkpoint(RELEASED)), 40, 31337)
    results = {
        "data": "virtual mill (simulated)",
        "rows": rows,
        "serving": [asdict(row) for row in latencies],
        "certificates": [asdict(cost) for cost in certificates],
        "worker": asdict(memory),
        "half_precision": asdict(half),
        "evidence": [asdict(row) for row in evidence],
    }
    _RESULTS.write_text(json.dumps(results, indent=1), encoding="utf-8")
    table = Table("what", "median ms", "longest ms", "share of inspection", "n")
    for row in rows:
        table.add_row(
            *(str(row[key]) for key in ("what", "median_ms", "longest_ms", "share_of_inspection", "n"))
        )
    console = Console(width=110)
    console.print(table)
    console.print(serving.as_table(latencies))
    console.print(serving.memory_sentence(memory))
    console.print(certificate.as_table(certificates))
    console.print(half_precision.as_table(half))
    console.print(half_precision.sentence(half))
    console.print(as_table(evidence, "what deletions of evidence do"))


if __name__ == "__main__":
    main()
