"""What a certificate costs: cold, warm, beside the bare compilation of the same pages, and its size."""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import typst
from rich.table import Table

from reports.certificate import certificate_sheet
from reports.content import ReportLanguage, certificate_content
from reports.fonts import font_folders
from reports.golden import golden_inspection
from reports.renderer import CertificateWriter

CALLS = 15
_LANGUAGES: tuple[ReportLanguage, ...] = ("zh", "en", "both")


@dataclass(frozen=True, slots=True)
class CertificateCost:
    """Times of one language in ms.

    Attributes:
        cold_ms: a child is started, and its first certificate is on disk.
        warm_ms: median of later ones, each of another number, so that nothing is taken from a cache.
        bare_ms: median of the layout engine alone on the same pages, in this process, warm.
        size_kb: of the file.
    """

    language: str
    cold_ms: float
    warm_ms: float
    bare_ms: float
    size_kb: float

    @property
    def times_bare(self) -> float:
        """How much a warm certificate takes of the bare compilation."""
        return self.warm_ms / self.bare_ms


def measure_certificates(calls: int = CALLS) -> list[CertificateCost]:
    """Return a row a language for the golden inspection."""
    return [_measure(language, calls) for language in _LANGUAGES]


def as_table(costs: list[CertificateCost]) -> Table:
    """Return the costs for people."""
    table = Table("certificate", "cold ms", "warm ms", "bare typst ms", "times bare", "size kB")
    for cost in costs:
        table.add_row(
            cost.language,
            f"{cost.cold_ms:.0f}",
            f"{cost.warm_ms:.0f}",
            f"{cost.bare_ms:.0f}",
            f"{cost.times_bare:.2f}",
            f"{cost.size_kb:.0f}",
        )
    return table


def _measure(language: ReportLanguage, calls: int) -> CertificateCost:
    acquisition, conclusion, around = golden_inspection()
    with tempfile.TemporaryDirectory() as folder:
        writer = CertificateWriter(Path(folder), language, "Benchmark", lambda _: around)
        started_s = time.perf_counter()
        with writer:
            first = writer.write(1, acquisition, conclusion)
            cold_ms = 1000.0 * (time.perf_counter() - started_s)
            warm_ms = _median_ms(lambda number: writer.write(number, acquisition, conclusion), calls)
        size_kb = Path(first.path).stat().st_size / 1000.0
    return CertificateCost(language, cold_ms, warm_ms, _bare_ms(language, calls), size_kb)


def _bare_ms(language: ReportLanguage, calls: int) -> float:
    acquisition, conclusion, around = golden_inspection()
    sheets = {
        number: certificate_sheet(
            certificate_content(number, acquisition, conclusion, "Benchmark", around), language
        )
        for number in range(1, calls + 2)
    }
    compiler = typst.Compiler(sheets[1].template, font_paths=font_folders(), ignore_system_fonts=True)

    def compile_one(number: int) -> None:
        sheet = sheets[number]
        compiler.compile(
            format="pdf", pdf_standards="a-3b", sys_inputs=dict(sheet.inputs), timestamp=sheet.dated
        )

    compile_one(1)
    return _median_ms(compile_one, calls)


def _median_ms(work: Callable[[int], object], calls: int) -> float:
    """Return the median time of work on 2, 3, …; the first is left to whoever warms up."""
    times = []
    for number in range(2, calls + 2):
        started_s = time.perf_counter()
        work(number)
        times.append(1000.0 * (time.perf_counter() - started_s))
    return statistics.median(times)
