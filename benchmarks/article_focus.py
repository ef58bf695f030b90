"""How much blur shows against other frames of the same article.

    python -m benchmarks.article_focus

Each frame is blurred (Gaussian, σ in pixels) and held against up to 20 sharp ones of its article. Virtual
fields (simulated), and with QC_DATA two sets of recorded fabrics. Takes a minute of one core.
"""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models.virtual_mill.micrographs import render_micrograph
from qc_daemon.domain.focus import focus_measure, grey_levels, least_usual_focus
from qc_daemon.domain.quality import FrameLimits

BLURS_PX = (0.0, 1.0, 2.0, 3.0, 4.0)
COMPARED, FIELDS, MOST_FRAMES, GARMENTS = 20, 25, 40, 10
ARTICLES = ({"cotton": 1.0}, {"wool": 1.0})

Articles = Mapping[str, Sequence[NDArray[np.float64]]]


def main() -> None:
    """Print the share of frames that is refused, set by set and blur by blur."""
    sets = {"virtual fields": virtual_fields()}
    if data := os.environ.get("QC_DATA"):
        sets["garments, photographed"] = recorded(Path(data, "garment_macro_images", "jpg"), 1, GARMENTS)
        sets["woven fabrics, line scan"] = recorded(Path(data, "aitex_tiles", "train"), 2, None)
    table = Table("frames", "number", *(f"{blur:g} px" for blur in BLURS_PX))
    for name, articles in sets.items():
        refused = np.array([row for frames in articles.values() for row in refusals(frames)])
        table.add_row(name, str(len(refused)), *(f"{share:.1f} %" for share in 100.0 * refused.mean(axis=0)))
    Console().print(table)


def refusals(frames: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Return (frames, blurs): whether each frame of an article, blurred so, is refused."""
    focus = np.array([[focus_measure(_blurred(grey, blur)) for blur in BLURS_PX] for grey in frames])
    focus = focus[focus[:, 0] >= FrameLimits().min_focus]
    limits = []
    for one in range(len(focus)):
        others = np.delete(focus[:, 0], one)[-COMPARED:]
        limits.append(max(least_usual_focus(others.tolist()), FrameLimits().min_focus))
    return np.asarray(focus < np.array(limits)[:, None])


def virtual_fields() -> Articles:
    """Return fields of a few articles (simulated)."""
    chance = np.random.default_rng(3)
    return {
        str(shares): [grey_levels(render_micrograph(shares, chance).pixels) for _ in range(FIELDS)]
        for shares in ARTICLES
    }


def recorded(folder: Path, parts: int, most: int | None) -> Articles:
    """Return recorded frames by article, which their names tell but for the last `parts` parts."""
    paths = defaultdict(list)
    for path in sorted(folder.iterdir()):
        paths[path.stem.rsplit("_", parts)[0]].append(path)
    chosen = [(article, found) for article, found in paths.items() if len(found) >= 8][:most]
    return {article: [_grey(path) for path in found[:MOST_FRAMES]] for article, found in chosen}


def _grey(path: Path) -> NDArray[np.float64]:
    return grey_levels(np.asarray(cv2.imread(str(path)), np.uint8)[..., ::-1])


def _blurred(grey: NDArray[np.float64], blur_px: float) -> NDArray[np.float64]:
    return np.rint(cv2.GaussianBlur(grey, (0, 0), blur_px)) if blur_px else grey


if __name__ == "__main__":
    main()
