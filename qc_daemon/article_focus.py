"""Knows how sharp the frames of each lot usually are, so that one that is clearly less so is refused.

Sharpness depends on what is looked at, so frames compare only within an article; a lot is of one article.
"""

from collections import deque
from contextlib import suppress
from dataclasses import replace

from qc_daemon.domain.errors import InputError, IntegrityError, Retired, StoreUnavailable
from qc_daemon.domain.focus import focus_measure, grey_levels, least_usual_focus
from qc_daemon.domain.image import CleanedImage
from qc_daemon.domain.ports import InspectionStore
from qc_daemon.domain.quality import FrameLimits

_WINDOW = 20  # frames that say what is usual
_RECALLED = 10  # of these come from the store after a restart: each image is read and measured again
_MOST_LOTS = 64


class ArticleFocus:
    """The sharpness of the frames that were judged, lot by lot.

    Args:
        store: what is usual is read from it when a lot goes on after a restart.
    """

    def __init__(self, store: InspectionStore) -> None:
        self._store = store
        self._lots: dict[str, _Usual] = {}

    def limits_for(self, lot: str, limits: FrameLimits) -> FrameLimits:
        """Return `limits`, with a higher least focus if it is known what is usual in a lot."""
        if not lot:
            return limits
        usual = least_usual_focus(self._of(lot).focus)
        return replace(limits, min_focus=max(limits.min_focus, usual))

    def note(self, lot: str, image: CleanedImage | None) -> None:
        """Note an image that was judged; None if there was none to judge."""
        if lot and image is not None:
            self._of(lot).note(image)

    def _of(self, lot: str) -> "_Usual":
        if lot not in self._lots:
            if len(self._lots) >= _MOST_LOTS:
                del self._lots[next(iter(self._lots))]
            self._lots[lot] = self._recalled(lot)
        return self._lots[lot]

    def _recalled(self, lot: str) -> "_Usual":
        usual = _Usual()
        with suppress(StoreUnavailable):
            for number in reversed(self._store.newest_of_lot(lot, _RECALLED)):
                with suppress(InputError, IntegrityError, Retired):  # undecided, damaged, or let go
                    image = self._store.load_conclusion(number).cleaned
                    if image is not None:
                        usual.note(image)
        return usual


class _Usual:
    """The focus of the last frames that are of one size and scale."""

    def __init__(self) -> None:
        self.focus: deque[float] = deque(maxlen=_WINDOW)
        self._view: tuple[float, tuple[int, ...]] | None = None

    def note(self, image: CleanedImage) -> None:
        view = image.um_per_pixel, image.original.shape
        if view != self._view:
            self.focus.clear()
            self._view = view
        self.focus.append(focus_measure(grey_levels(image.original)))
