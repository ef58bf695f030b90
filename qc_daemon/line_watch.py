"""Follows the line device: publishes how it is, and says what a person should know."""

import structlog

from qc_daemon.alarms import Alarms
from qc_daemon.domain.line import LineCounts, LineHealth
from qc_daemon.domain.ports import Trigger
from qc_daemon.status import StatusBoard

log = structlog.get_logger()


class LineWatch:
    """Looks at the health of a trigger.

    Args:
        trigger: knows the device.
        board: the published status.
        alarms: hear of its troubles and of specimens that passed by.
    """

    def __init__(self, trigger: Trigger, board: StatusBoard, alarms: Alarms) -> None:
        self._trigger = trigger
        self._board = board
        self._alarms = alarms
        self._health = LineHealth("", "", "", LineCounts())  # nothing is known yet
        self._missed_before = 0
        self._word = 0

    def look(self) -> None:
        """Publish what has changed about the line; an alarm says what a person should know.

        The line itself hears of the alarms.
        """
        word = self._alarms.word
        if word != self._word:
            self._word = word
            self._trigger.show_alarms(word)
        health, before = self._trigger.health, self._health
        if health == before:
            return
        self._health = health
        self._board.update(line=health)
        if health.trouble != before.trouble:
            log.warning("line", device=health.device, state=health.state, trouble=health.trouble)
            self._alarms.clear("line")
            if health.trouble:
                self._alarms.raise_alarm("line", health.trouble)
        missed = health.counts.missed - before.counts.missed
        if missed:
            log.warning("specimens passed without an inspection", missed=missed, total=health.counts.missed)
            self._alarms.clear("missed")
            self._alarms.raise_alarm(
                "missed", f"{health.counts.missed} specimens passed without an inspection"
            )

    def inspected(self) -> None:
        """Note an inspection: if nothing passed by since the one before, the line is no longer too fast."""
        missed = self._health.counts.missed
        if missed == self._missed_before:
            self._alarms.clear("missed")
        self._missed_before = missed
