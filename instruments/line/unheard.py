"""What all triggers have in common whose device listens to nothing."""

from qc_daemon.domain.inspection import Conclusion
from qc_daemon.domain.line import Cue, NoVerdict, StationState


class UnheardTrigger:
    """Never ends, and keeps verdicts to itself: nobody listens."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will ever come."""
        return False

    def answer(self, _cue: Cue, _conclusion: Conclusion, /) -> None:
        """Do nothing."""

    def refuse(self, _cue: Cue, _why: NoVerdict, /) -> None:
        """Do nothing."""

    def announce(self, _state: StationState, /) -> None:
        """Do nothing."""

    def show_alarms(self, _word: int, /) -> None:
        """Do nothing."""
