"""How long the network takes to answer one specimen, and whether its process keeps its size.

    python -m benchmarks.serving --calls 400 --long-run 20000

By turns on the same specimens, so that all meet the same machine: the bare onnxruntime session; the
predictor in this process (preprocessing, network, intervals, evidence); the predictor as the station
runs it, with the session in a worker process. The specimens are virtual (simulated).
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from models.checkpoint import RELEASED, load_checkpoint
from models.composition_predictor import IsicPredictor
from models.runtimes.onnx import OnnxRuntime
from models.runtimes.runtime import Runtime, Tensors
from models.runtimes.worker import WorkerRuntime
from models.virtual_mill.specimens import write_mill
from qc_daemon.domain.image import CleanedImage
from qc_daemon.domain.spectrum import Spectrum

SPECIMENS, CALLS, LONG_RUN = 12, 400, 20_000
BARE, IN_PROCESS, STATION = "bare onnxruntime", "predictor in one process", "predictor with its worker"

Specimen = tuple[Spectrum, CleanedImage | None]


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds a specimen: median, 95th percentile, and the processor's time in this process."""

    what: str
    p50_ms: float
    p95_ms: float
    cpu_ms: float
    times_bare: float


@dataclass(frozen=True, slots=True)
class WorkerMemory:
    """Resident memory of the worker process over many requests.

    Attributes:
        peak_mb: the most it ever had, starting included.
        growth_mb: slope of a line through the second half of the requests, over all of them.
    """

    calls: int
    peak_mb: float
    growth_mb: float


def specimens(folder: Path, count: int = SPECIMENS) -> list[Specimen]:
    """Make virtual specimens: spectrum and micrograph, as they are after cleaning."""
    dataset = write_mill(folder, count, 777)
    return [
        (
            Spectrum(dataset.wavelength_nm, absorbance, np.isfinite(absorbance)),
            _micrograph(dataset.micrograph_path(row), float(dataset.um_per_pixel[row])),
        )
        for row, absorbance in enumerate(dataset.absorbance)
    ]


def _micrograph(path: Path | None, um_per_pixel: float) -> CleanedImage | None:
    if path is None:
        return None
    pixels = np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])
    return CleanedImage(pixels, pixels, np.zeros(pixels.shape[:2], bool), um_per_pixel, "none")


def measure_latency(folder: Path, shown: Sequence[Specimen], calls: int) -> list[Latency]:
    """Time the three by turns, `calls` times each."""
    checkpoint = load_checkpoint(folder)
    bare, recorded = OnnxRuntime(checkpoint.onnx_path), _Recorded(OnnxRuntime(checkpoint.onnx_path))
    near = IsicPredictor(checkpoint, recorded)
    with WorkerRuntime(folder) as worker:
        station = IsicPredictor(checkpoint, worker)
        wall: dict[str, list[float]] = {BARE: [], IN_PROCESS: [], STATION: []}
        cpu = dict.fromkeys(wall, 0.0)
        for spectrum, image in itertools.islice(itertools.cycle(shown), calls):
            near.predict(spectrum, image)  # warms the caches that all three share
            asked: list[tuple[str, Callable[[], object]]] = [
                (BARE, lambda: bare.infer(recorded.inputs)),
                (IN_PROCESS, lambda s=spectrum, i=image: near.predict(s, i)),
                (STATION, lambda s=spectrum, i=image: station.predict(s, i)),
            ]
            for what, ask in asked:
                wall_ms, cpu_ms = _timed(ask)
                wall[what].append(wall_ms)
                cpu[what] += cpu_ms / calls
    median_bare = float(np.median(wall[BARE]))
    return [
        Latency(
            what,
            float(np.median(times)),
            float(np.percentile(times, 95)),
            cpu[what],
            float(np.median(times)) / median_bare,
        )
        for what, times in wall.items()
    ]


def measure_worker_memory(folder: Path, shown: Sequence[Specimen], calls: int) -> WorkerMemory:
    """Ask a worker many times, by turns with and without a micrograph, and watch its size."""
    asked = _network_inputs(folder, [*shown, *((spectrum, None) for spectrum, _ in shown)])
    with WorkerRuntime(folder) as worker:
        assert worker.pid is not None
        sizes = list(_sizes_mb(worker, worker.pid, asked, calls))
        late = sizes[len(sizes) // 2 :]
        slope = float(np.polyfit(np.arange(len(late)), late, 1)[0])
        return WorkerMemory(calls, _status_mb(worker.pid, "VmHWM"), slope * len(sizes))


def _network_inputs(folder: Path, shown: Sequence[Specimen]) -> list[Tensors]:
    """Return what the predictor asks of its runtime for each specimen."""
    checkpoint = load_checkpoint(folder)
    recorded = _Recorded(OnnxRuntime(checkpoint.onnx_path))
    predictor, inputs = IsicPredictor(checkpoint, recorded), []
    for spectrum, image in shown:
        predictor.predict(spectrum, image)
        inputs.append(recorded.inputs)
    return inputs


def _sizes_mb(runtime: Runtime, pid: int, asked: Sequence[Tensors], calls: int) -> Iterator[float]:
    for number, inputs in enumerate(itertools.islice(itertools.cycle(asked), calls)):
        runtime.infer(inputs)
        if number % 20 == 0:
            yield _status_mb(pid, "VmRSS")


def _status_mb(pid: int, key: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(f"{key}:"))
    return int(kilobytes) * 1024 / 1e6


def _timed(ask: Callable[[], object]) -> tuple[float, float]:
    """Return milliseconds by the clock and of this process's processor time."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    ask()
    return 1000.0 * (time.perf_counter() - wall_s), 1000.0 * (time.process_time() - cpu_s)


class _Recorded:
    """A runtime that keeps the last inputs, for the bare session to get the same."""

    def __init__(self, runtime: OnnxRuntime) -> None:
        self._runtime = runtime
        self.inputs: Tensors = {}

    def infer(self, inputs: Tensors) -> Tensors:
        self.inputs = inputs
        return self._runtime.infer(inputs)

    def describe(self) -> str:
        return self._runtime.describe()

    def close(self) -> None:
        self._runtime.close()


def as_table(rows: Sequence[Latency]) -> Table:
    """Return the latencies for people."""
    table = Table("one specimen", "p50 ms", "p95 ms", "cpu ms here", "times bare", title="serving")
    for row in rows:
        figures = (row.p50_ms, row.p95_ms, row.cpu_ms, row.times_bare)
        table.add_row(row.what, *(f"{figure:.2f}" for figure in figures))
    return table


def memory_sentence(memory: WorkerMemory) -> str:
    """Return the worker's size for people."""
    return (
        f"worker process over {memory.calls} requests: at most {memory.peak_mb:.0f} MB, "
        f"growing by {memory.growth_mb:+.2f} MB"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--long-run", type=int, default=LONG_RUN)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        shown = specimens(Path(scratch))
    Console(width=100).print(as_table(measure_latency(RELEASED, shown, options.calls)))
    print(memory_sentence(measure_worker_memory(RELEASED, shown, options.long_run)))


if __name__ == "__main__":
    main()
