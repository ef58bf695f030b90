"""The results as markdown, and into docs/inpainting.md."""

from pathlib import Path
from statistics import fmean

from benchmarks.inpainting.results import Results
from models.training.free_form_masks import BINS

DOCS = Path(__file__).parents[2] / "docs" / "inpainting.md"
_HEADING = "## Measured"


def markdown(results: Results) -> str:
    """Return the section "Measured"."""
    parts = [
        _HEADING,
        "",
        "Written by `make bench-inpainting`; pictures that the network has not learnt from.",
    ]
    for kind in dict.fromkeys(one.kind for one in results.scores):
        parts += ["", f"### {kind.capitalize()}", "", *_table(results, kind)]
    for task in dict.fromkeys(one.task for one in results.tasks):
        parts += ["", f"### Error of the {task}", "", *_task_table(results, task)]
    return "\n".join([*parts, "", _origin(results), ""])


def _table(results: Results, kind: str) -> list[str]:
    """One row a method: for each bin hole PSNR, composite PSNR and SSIM; seconds over all bins."""
    bins = [f"({100 * least:.0f}, {100 * most:.0f}] %" for least, most in BINS]
    heads = ["method", *(f"{name}: hole dB · whole dB · SSIM" for name in bins), "s/image", "CPU s", "images"]
    rows = [_line(heads), _line(["---"] * len(heads))]
    for method in dict.fromkeys(one.method for one in results.scores):
        found = [one for one in results.scores if one.kind == kind and one.method == method]
        if not found:
            continue
        cells = []
        for index in range(len(BINS)):
            some = [one for one in found if one.bin == index]
            cells.append(
                f"{fmean(one.hole_psnr_db for one in some):.2f} · "
                f"{fmean(one.composite_psnr_db for one in some):.2f} · {fmean(one.ssim for one in some):.3f}"
                if some
                else "-"
            )
        seconds, cpu = fmean(one.seconds for one in found), fmean(one.cpu_seconds for one in found)
        images = len({one.image for one in found})
        rows.append(_line([method, *cells, f"{seconds:.3f}", f"{cpu:.3f}", str(images)]))
    return rows


def _task_table(results: Results, task: str) -> list[str]:
    found = [one for one in results.tasks if one.task == task]
    rows = [_line(["treatment", f"mean error, {found[0].unit}", "n"]), _line(["---"] * 3)]
    return rows + [_line([one.treatment, f"{one.error:.2f}", str(one.n)]) for one in found]


def _origin(results: Results) -> str:
    said = [f"{name} {value}" for name, value in results.origin.items() if name != "versions"]
    versions = [f"{name} {number}" for name, number in results.origin["versions"].items()]
    return f"Origin: {'; '.join(said)}. Versions: {', '.join(versions)}."


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
