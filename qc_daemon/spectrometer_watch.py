"""Looks after an open spectrometer: is it there, has it warmed up, does its reference still serve?"""

from datetime import datetime

from qc_daemon.domain.ports import Clock, NirSpectrometer
from qc_daemon.domain.reasons import Reason
from qc_daemon.domain.reference_validity import Standing, Validity
from qc_daemon.domain.spectrum import ScanConditions
from qc_daemon.domain.supervision import InstrumentEvent, InstrumentState
from qc_daemon.domain.warm_up import WarmUp, WarmUpLimits
from qc_daemon.supervision import Supervisor

# Unplugging must be noticed within 3 s on a line where nothing moves; a question takes a few milliseconds.
_LOOK_EVERY_S = 1.0
_VERDICTS = {
    Standing.BLOCK: InstrumentEvent.UNREFERENCED,
    Standing.WARN: InstrumentEvent.WARNED,
    Standing.VALID: InstrumentEvent.SOUND,
}


class SpectrometerWatch:
    """Turns what a spectrometer says of itself, and what is known of its reference, into its state.

    Args:
        supervisor: keeps the state.
        clock: says when to look again.
        limits: when it counts as warmed up.
    """

    def __init__(self, supervisor: Supervisor, clock: Clock, limits: WarmUpLimits) -> None:
        self._supervisor = supervisor
        self._clock = clock
        self._limits = limits
        self._warm_up: WarmUp | None = None
        self._look_at_s = 0.0
        self._opened_at = clock.now()

    @property
    def opened_at(self) -> datetime:
        """When the spectrometer was opened last."""
        return self._opened_at

    def opened(self, spectrometer: NirSpectrometer) -> bool:
        """Begin to look after it; tell whether it is another unit than before."""
        is_other = self._supervisor.opened(spectrometer.identity.serial)
        self._opened_at, now_s = self._clock.now(), self._clock.monotonic_s()
        self._warm_up = WarmUp(now_s, self._limits)
        self._look_at_s = now_s
        self.look(spectrometer)
        return is_other

    def look(self, spectrometer: NirSpectrometer) -> None:
        """Ask it how it is, at most once a second.

        Raises:
            InstrumentError: it is gone, or does not answer as it should.
        """
        now_s = self._clock.monotonic_s()
        if now_s < self._look_at_s:
            return
        self._look_at_s = now_s + _LOOK_EVERY_S
        self._note(spectrometer.conditions())

    def asked(self) -> None:
        """Note that it now measures."""
        self._supervisor.apply(InstrumentEvent.ASKED)

    def measured(self, conditions: ScanConditions) -> None:
        """Note what it said of itself while it measured."""
        self._look_at_s = self._clock.monotonic_s() + _LOOK_EVERY_S
        self._note(conditions)

    def has_just_settled(self) -> bool:
        """Tell, once after each opening, that it has warmed up."""
        warm_up = self._warm_up
        if warm_up is None or not warm_up.settled(self._clock.monotonic_s()):
            return False
        if self._supervisor.state is InstrumentState.MEASURING:
            self._supervisor.apply(InstrumentEvent.UNSETTLED)
        self._supervisor.apply(InstrumentEvent.SETTLED)
        self._warm_up = None
        return True

    def judge(self, reference: Validity, out_of_control: tuple[Reason, ...]) -> None:
        """Say what its results are worth, by its white reference and its last checks."""
        if self._warm_up is not None:
            event = InstrumentEvent.UNSETTLED
        elif reference.standing is Standing.VALID and out_of_control:
            event = InstrumentEvent.WARNED
        else:
            event = _VERDICTS[reference.standing]
        said = [*reference.reasons, *out_of_control]
        self._supervisor.apply(event, ", ".join(reason.code.value for reason in said))

    def _note(self, conditions: ScanConditions) -> None:
        if self._warm_up is not None:
            self._warm_up.note(self._clock.monotonic_s(), conditions)
