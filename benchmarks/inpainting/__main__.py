"""`make bench-inpainting`: how well and how fast holes are filled, and what it does to measurements.

    QC_DATA=<folder of recorded data> python -m benchmarks.inpainting [--images N] [--methods NAME...]
        [--checkpoint DIR] [--siblings DIR] [--specimens N] [--docs]

What was measured by the same checkpoint, seed and commit is not measured twice, so a run that was
killed goes on.
"""

import argparse
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import track

from benchmarks.docs_section import put_section
from benchmarks.inpainting.contestants import Contestant, contestants
from benchmarks.inpainting.pictures import Case, cases
from benchmarks.inpainting.results import RESULTS, Results, read_results, write_results
from benchmarks.inpainting.scores import score
from benchmarks.inpainting.tables import DOCS, markdown
from benchmarks.inpainting.tasks import fibre_shares, weave_periods
from benchmarks.model_tables.result_file import provenance
from models.filling_methods import FSR, GAUSSIAN, TELEA, FillMethod, open_pmpn
from models.pmpn_checkpoint import RELEASED_PMPN, load_pmpn_checkpoint
from models.sealed_folder import MANIFEST
from qc_daemon.domain.errors import QcError

SEED = 5
_LIBRARIES = ("opencv-contrib-python-headless", "scikit-image")  # of the classical methods


def main() -> None:
    """Measure what is not measured yet and print the tables."""
    arguments = _parser().parse_args()
    if "QC_DATA" not in os.environ:
        sys.exit("QC_DATA is not set; expected the folder of recorded data")
    try:
        results = run(arguments, Path(os.environ["QC_DATA"]))
    except QcError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)
    section = markdown(results)
    Console().print(Markdown(section)) if sys.stdout.isatty() else print(section)
    if arguments.docs:
        put_section(DOCS, section)


def run(arguments: argparse.Namespace, data: Path) -> Results:
    """Return all results, written after each picture."""
    held_out, origin = _origin(arguments.checkpoint)
    results = read_results(arguments.out, origin)
    methods = contestants(arguments.checkpoint, arguments.siblings, lambda line: print(line, file=sys.stderr))
    if arguments.methods:
        methods = [one for one in methods if one.name in arguments.methods]
    pictures = list(cases(data, arguments.images, held_out, SEED))
    shown = track(pictures, "filling", console=Console(stderr=True), disable=not sys.stderr.isatty())
    for case in shown:
        for method in methods:
            _measure(results, method, case)
        write_results(arguments.out, results)
    if not results.tasks:
        fabric = [case for case in pictures if case.kind == "fabric" and case.bin == 0]
        fast = [one for one in methods if one.most_images > 1]
        results.tasks += weave_periods(fabric, fast)
        if arguments.specimens:
            fields = _methods_of_fields(arguments.checkpoint)
            with tempfile.TemporaryDirectory() as scratch:
                results.tasks += fibre_shares(fields, Path(scratch), arguments.specimens, SEED)
        write_results(arguments.out, results)
    return results


def _measure(results: Results, method: Contestant, case: Case) -> None:
    seen = {one.image for one in results.scores if one.method == method.name and one.kind == case.kind}
    if case.image not in seen and len(seen) >= method.most_images:
        return
    if not results.has(method.name, case.kind, case.image, case.bin):
        results.scores.append(score(method.name, method.fill, case))


def _methods_of_fields(checkpoint: Path) -> list[FillMethod]:
    """Return the methods of the command `clean`, which take fields of any size."""
    network = [open_pmpn(checkpoint)] if (checkpoint / MANIFEST).is_file() else []
    return [*network, GAUSSIAN, FSR, TELEA]


def _origin(checkpoint: Path) -> tuple[tuple[str, ...] | None, dict[str, Any]]:
    """Return the groups that a checkpoint has not seen, if it is there, and what measures."""
    here = provenance()
    held_out, digest = None, "none"
    if (checkpoint / MANIFEST).is_file():
        loaded = load_pmpn_checkpoint(checkpoint)
        held_out, digest = loaded.manifest.training.held_out, loaded.digest[:12]
    versions = {**here.versions, **{name: version(name) for name in _LIBRARIES}}
    origin = {"seed": SEED, "checkpoint": digest, "commit": here.commit, "versions": versions}
    return held_out, origin


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inpainting", description="Compare fills.")
    parser.add_argument("--images", type=int, default=12, help="of each kind; default 12")
    parser.add_argument("--methods", nargs="+", default=[], metavar="NAME", help="only these; default all")
    parser.add_argument("--checkpoint", type=Path, default=RELEASED_PMPN, help="of PMPN")
    parser.add_argument("--siblings", type=Path, help="folder of checkpoint folders: ablations, PConv U-Net")
    parser.add_argument("--specimens", type=int, default=60, help="virtual ones, for the fibre share")
    parser.add_argument("--out", type=Path, default=RESULTS, help="result file")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/inpainting.md")
    return parser


if __name__ == "__main__":
    main()
