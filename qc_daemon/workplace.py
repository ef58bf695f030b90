"""All that a station works with, opened or ready to be opened."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

from qc_daemon.domain.ports import InspectionStore, Line, MicroscopeCamera, NirSpectrometer, ReportWriter
from qc_daemon.domain.spectrum import ReflectanceTile
from qc_daemon.domain.warm_up import WarmUpLimits
from qc_daemon.optics_watch import OpticsCare
from qc_daemon.pipeline import Judges


@dataclass(frozen=True, slots=True)
class Instruments:
    """The opened instruments of a station."""

    spectrometer: NirSpectrometer
    camera: MicroscopeCamera | None


@dataclass(frozen=True, slots=True)
class Workplace:
    """All that the line loop works with; each instrument is opened anew after its own losses.

    `requested_tile` returns the white tile once after a person said that it lies there, else None;
    `warm_up` says when the spectrometer counts as warm; `optics_care` is what it takes to watch the camera's
    optics for dirt.
    """

    judges: Judges
    store: InspectionStore
    report_writer: ReportWriter
    line: Line
    open_spectrometer: Callable[[], AbstractContextManager[NirSpectrometer]]
    open_camera: Callable[[], AbstractContextManager[MicroscopeCamera]] | None
    requested_tile: Callable[[], ReflectanceTile | None] = lambda: None
    warm_up: WarmUpLimits = field(default_factory=WarmUpLimits)
    optics_care: OpticsCare | None = None

    @contextmanager
    def open_instruments(self) -> Iterator[Instruments]:
        """Open both for a finite piece of work, which ends if one cannot be opened."""
        with ExitStack() as stack:
            spectrometer = stack.enter_context(self.open_spectrometer())
            camera = stack.enter_context(self.open_camera()) if self.open_camera is not None else None
            yield Instruments(spectrometer, camera)
