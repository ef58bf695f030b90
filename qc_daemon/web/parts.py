"""What the page works with; the wiring chooses it."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from qc_daemon.domain.inspection import Acquisition, Conclusion
from qc_daemon.domain.page import DutyLine, ModelSheet, PageReader
from qc_daemon.domain.people import PeopleReader
from qc_daemon.domain.ports import Clock
from qc_daemon.domain.reasons import Reason
from qc_daemon.domain.requests import Desk
from qc_daemon.domain.sampling import RollJudgement

Language = Literal["zh", "en"]


class ScreenImage(Protocol):
    """A micrograph for a screen: JPEG, and an SVG that lies over it."""

    @property
    def jpeg(self) -> bytes:
        """The picture with debris outlined."""
        ...

    @property
    def overlay_svg(self) -> str:
        """Kept regions, defects and a scale bar."""
        ...


@dataclass(frozen=True, slots=True)
class Wording:
    """Texts about inspections in both languages, those of the certificate."""

    reason: Callable[[Reason, Language], str]
    fibre: Callable[[str, Language], str]
    term: Callable[[str, Language], str]


@dataclass(frozen=True, slots=True)
class Pictures:
    """Draws an inspection for a screen."""

    spectrum_svg: Callable[[Acquisition, Conclusion | None], str]
    micrograph: Callable[[Acquisition, Conclusion | None], ScreenImage | None]


@dataclass(frozen=True, slots=True)
class Drawing:
    """An inspection as drawn for a screen; what never changes once its conclusion was drawn.

    Attributes:
        acquisition: without its frame; what it is called may have been corrected since.
        conclusion: without its image; None while it is UNDECIDED.
        jpeg, overlay_svg: the micrograph; empty if there is none.
    """

    acquisition: Acquisition
    conclusion: Conclusion | None
    spectrum_svg: str
    jpeg: bytes
    overlay_svg: str


class Shelf:
    """Keeps the newest drawings, so that many watchers cost one drawing."""

    def __init__(self, places: int = 32) -> None:
        self._places = places
        self._kept: OrderedDict[tuple[int, str], Drawing] = OrderedDict()
        self._lock = threading.Lock()
        self._drawing = threading.Lock()

    def get(self, number: int, conclusion_id: str) -> Drawing | None:
        """Return the drawing of a conclusion, if it is kept."""
        with self._lock:
            return self._kept.get((number, conclusion_id))

    def get_or_draw(self, number: int, conclusion_id: str, draw: Callable[[], Drawing]) -> Drawing:
        """Return the drawing of a conclusion; drawn first if it is not kept, one at a time."""
        with self._drawing:
            kept = self.get(number, conclusion_id)
            if kept is None:
                kept = draw()
                self._put((number, conclusion_id), kept)
            return kept

    def _put(self, key: tuple[int, str], drawing: Drawing) -> None:
        with self._lock:
            self._kept[key] = drawing
            if len(self._kept) > self._places:
                self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Parts:
    """All that the page works with.

    Attributes:
        reader, people: over a connection that cannot write.
        desk: where everything that changes something is brought.
        status: the published health of the station, as `qc-daemon status --json` prints it.
        duties: what is due with each spectrometer.
        judge_roll: the verdict on a roll by all of its specimens; None if nothing was concluded.
        models: what the station could use; looks at every file, so it takes its time.
        chinese_font: served to browsers that have none of their own.
        secure: whether the page is served over TLS.
        session_s: how long a session lasts, seconds.
    """

    station_name: str
    station_folder: Path
    reader: PageReader
    people: PeopleReader
    desk: Desk
    status: Callable[[], dict[str, Any]]
    duties: Callable[[], tuple[DutyLine, ...]]
    judge_roll: Callable[[str, str], RollJudgement | None]
    models: Callable[[], tuple[ModelSheet, ...]]
    pictures: Pictures
    wording: Wording
    clock: Clock
    chinese_font: Path
    secure: bool
    session_s: float
    shelf: Shelf = field(default_factory=Shelf)
