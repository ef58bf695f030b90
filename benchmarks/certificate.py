"""What a certificate costs: cold, warm, beside the bare compilation of the same pages, and its size.

    python -m benchmarks.certificate --calls 15

Processor time is given beside the clock, for on a busy machine the clock says how busy it is.
"""

import argparse
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import typst
from rich.console import Console
from rich.progress import track
from rich.table import Table

from models.virtual_mill.micrographs import render_micrograph
from qc_daemon.domain.image import CleanedImage
from qc_daemon.domain.inspection import Acquisition, Conclusion
from qc_daemon.domain.surroundings import Surroundings
from reports.certificate import certificate_sheet
from reports.content import ReportLanguage, certificate_content
from reports.fonts import font_folders
from reports.golden import golden_inspection
from reports.renderer import CertificateWriter

CALLS = 15
COLD_STARTS = 3
_Inspection = tuple[Acquisition, Conclusion, Surroundings]
_LANGUAGES: tuple[ReportLanguage, ...] = ("zh", "en", "both")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one certificate took by the clock and of the processor, child included, in ms."""

    clock_ms: float
    processor_ms: float


@dataclass(frozen=True, slots=True)
class CertificateCost:
    """Costs in one language.

    Attributes:
        cold: a child is started, and its first certificate is on disk; median of some starts.
        warm: median of later ones, each of another number, so that nothing is taken from a cache.
        bare: median of the layout engine alone on the same pages, in this process, warm, in turn with them.
        size_kb: of the file.
    """

    language: str
    cold: Cost
    warm: Cost
    bare: Cost
    size_kb: float

    @property
    def times_bare(self) -> float:
        """How much processor time a warm certificate takes of the bare compilation's."""
        return self.warm.processor_ms / self.bare.processor_ms


def measure_certificates(calls: int = CALLS) -> list[CertificateCost]:
    """Return a row a language."""
    console = Console(stderr=True)
    shown = track(
        _LANGUAGES, "certificates", console=console, transient=True, disable=not sys.stderr.isatty()
    )
    return [measure_certificate(language, calls) for language in shown]


def measure_certificate(language: ReportLanguage, calls: int) -> CertificateCost:
    """Return the costs of the golden inspection with a micrograph of the virtual mill."""
    inspection = _inspection()
    bare = _BareCompiler(inspection, language, calls + 1)
    with tempfile.TemporaryDirectory() as folder:
        starts = [_Run(Path(folder), inspection, language, 1) for _ in range(COLD_STARTS)]
        run = _Run(Path(folder), inspection, language, calls + 1, bare)
    cold = Cost(
        statistics.median(start.clocks_ms[0] for start in starts),
        statistics.median(start.processor_ms for start in starts),
    )
    warm = Cost(statistics.median(run.clocks_ms[1:]), (run.processor_ms - cold.processor_ms) / calls)
    return CertificateCost(language, cold, warm, bare.cost(), run.size_kb)


def as_table(costs: list[CertificateCost]) -> Table:
    """Return the costs for people."""
    table = Table(
        "certificate", "cold", "warm", "bare typst", "times bare", "size kB",
        title="ms by the clock (ms of the processor)",
    )  # fmt: skip
    for cost in costs:
        table.add_row(
            cost.language,
            *(f"{one.clock_ms:.0f} ({one.processor_ms:.0f})" for one in (cost.cold, cost.warm, cost.bare)),
            f"{cost.times_bare:.2f}",
            f"{cost.size_kb:.0f}",
        )
    return table


def _inspection() -> _Inspection:
    """Return the golden inspection with fibres on its micrograph, which make a larger file than a pattern."""
    acquisition, conclusion, around = golden_inspection()
    drawn = render_micrograph({"cotton": 0.6, "polyester": 0.4}, np.random.default_rng(1), debris_pieces=2)
    image = CleanedImage(drawn.pixels, drawn.pixels, drawn.debris_mask, drawn.um_per_pixel, "golden")
    return acquisition, replace(conclusion, cleaned=image), around


class _Run:
    """A writer that is opened, writes certificates 1, 2, … and is closed.

    Attributes:
        clocks_ms: of each certificate, the start of the child counted with the first.
        processor_ms: of all of them, both processes together.
        size_kb: of the first.
    """

    def __init__(
        self,
        folder: Path,
        inspection: _Inspection,
        language: ReportLanguage,
        count: int,
        bare: "_BareCompiler | None" = None,
    ) -> None:
        children_s, own_s = _processor_of_children_s(), 0.0
        self.clocks_ms: list[float] = []
        acquisition, conclusion, around = inspection
        writer = CertificateWriter(folder, language, "Benchmark", lambda _: around)
        clock_s, processor_s = time.perf_counter(), time.process_time()
        with writer:
            for number in range(1, count + 1):
                report = writer.write(number, acquisition, conclusion)
                self.clocks_ms.append(1000.0 * (time.perf_counter() - clock_s))
                own_s += time.process_time() - processor_s
                if bare is not None:
                    bare.compile(number)
                clock_s, processor_s = time.perf_counter(), time.process_time()
        self.processor_ms = 1000.0 * (own_s + _processor_of_children_s() - children_s)
        self.size_kb = Path(report.path).stat().st_size / 1000.0


class _BareCompiler:
    """The layout engine alone, with the sheets of certificates 1, 2, … ready before it is timed."""

    def __init__(self, inspection: _Inspection, language: ReportLanguage, count: int) -> None:
        acquisition, conclusion, around = inspection
        self._sheets = [
            certificate_sheet(
                certificate_content(number, acquisition, conclusion, "Benchmark", around), language
            )
            for number in range(1, count + 1)
        ]
        self._compiler = typst.Compiler(
            self._sheets[0].template, font_paths=font_folders(), ignore_system_fonts=True
        )
        self._costs: list[Cost] = []

    def compile(self, number: int) -> None:
        sheet = self._sheets[number - 1]
        clock_s, processor_s = time.perf_counter(), time.process_time()
        self._compiler.compile(
            format="pdf", pdf_standards="a-3b", sys_inputs=dict(sheet.inputs), timestamp=sheet.dated
        )
        self._costs.append(
            Cost(1000.0 * (time.perf_counter() - clock_s), 1000.0 * (time.process_time() - processor_s))
        )

    def cost(self) -> Cost:
        """Return the medians of all but the first."""
        warm = self._costs[1:]
        return Cost(
            statistics.median(cost.clock_ms for cost in warm),
            statistics.median(cost.processor_ms for cost in warm),
        )


def _processor_of_children_s() -> float:
    """Return what children that have ended took of the processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, default=CALLS, help="warm certificates of each language")
    Console(width=100).print(as_table(measure_certificates(parser.parse_args().calls)))


if __name__ == "__main__":
    main()
