"""The fonts of a certificate, and what they can show.

They come from two Python packages, so a certificate looks the same on every machine and no font
of the machine takes part. One family holds Latin and Chinese; the language of the text picks the
mainland forms of the characters.
"""

import re
from functools import cache
from importlib import resources
from pathlib import Path

from qc_daemon.domain.errors import ReportFailed

_PACKAGES = ("cvttf_NotoSansCJK_Regular", "cvttf_NotoSansCJK_Bold")
_MISSING = "□"
# What every font of the family has, told without reading one: Latin, Chinese punctuation, full-width
# forms, common ideographs, and the signs of the wording.
_SURE_RANGES = (
    (" ", "~"),
    ("\u00a0", "\u00ff"),
    ("\u3000", "\u303f"),
    ("\uff01", "\uff60"),
    ("\u4e00", "\u9fa5"),
)
_SURE_SIGNS = "—–−‘’“”…≤≥→"
_UNSURE = re.compile(f"[^{''.join(f'{first}-{last}' for first, last in _SURE_RANGES)}{_SURE_SIGNS}]")


def font_folders() -> list[Path]:
    """Return the folders of the certificate's fonts.

    Raises:
        ReportFailed: a package of fonts is not installed.
    """
    try:
        return [Path(str(resources.files(package))) for package in _PACKAGES]
    except ModuleNotFoundError as error:
        raise ReportFailed(f"the fonts {error.name} are not installed; expected requirements.lock") from error


def printable(text: str) -> str:
    """Return `text` in one line with "□" for characters that the fonts cannot show.

    PDF/A forbids missing glyphs: without this an unusual character in a lot's name would cost the
    whole certificate. The attached record keeps the text untouched.
    """
    line = " ".join(text.split())
    return _UNSURE.sub(lambda found: found[0] if ord(found[0]) in _covered() else _MISSING, line)


@cache
def _covered() -> frozenset[int]:
    """Code points that every font of the certificate has a glyph for."""
    from fontTools.ttLib import TTFont  # seldom needed, and slow to import

    paths = [next(folder.glob("*.otf")) for folder in font_folders()]
    return frozenset.intersection(*(frozenset(TTFont(path, lazy=True).getBestCmap()) for path in paths))
