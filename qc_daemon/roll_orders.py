"""Announces specimens as the plant ordered their roll: with the label, and the lot, of the order."""

from dataclasses import replace

import structlog

from qc_daemon.domain.errors import LabelError, StoreUnavailable
from qc_daemon.domain.inspection import Conclusion, Specimen
from qc_daemon.domain.label import DeclaredLabel, parse_label
from qc_daemon.domain.line import Cue, LineHealth, NoVerdict, StationState
from qc_daemon.domain.people import RollOrder, RollOrderBook
from qc_daemon.domain.ports import Look, Trigger

log = structlog.get_logger()


class OrderedTrigger:
    """Passes on what a trigger announces; what the roll's order says wins over what the line says.

    The trigger hears of the very cue that it gave, by which a PLC knows whom an answer is for.

    Args:
        trigger: says when to inspect and, at least, which roll lies there.
        orders: those that the plant has placed.
    """

    def __init__(self, trigger: Trigger, orders: RollOrderBook) -> None:
        self._trigger = trigger
        self._orders = orders
        self._newest: RollOrder | None = None
        self._given: Cue | None = None
        self._passed_on: Cue | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will ever come."""
        return self._trigger.ended

    @property
    def health(self) -> LineHealth:
        """How the device is, and what it did so far."""
        return self._trigger.health

    def next_cue(self, look: Look, timeout_s: float, /) -> Cue | None:
        """Wait for a specimen, and look its roll's order up."""
        self._given = self._passed_on = self._trigger.next_cue(look, timeout_s)
        if self._given is not None:
            self._passed_on = replace(self._given, specimen=self._as_ordered(self._given.specimen))
        return self._passed_on

    def answer(self, cue: Cue, conclusion: Conclusion) -> None:
        """Tell the line the verdict on what it announced."""
        self._trigger.answer(self._as_given(cue), conclusion)

    def refuse(self, cue: Cue, why: NoVerdict) -> None:
        """Tell the line that there is no verdict on what it announced."""
        self._trigger.refuse(self._as_given(cue), why)

    def announce(self, state: StationState) -> None:
        """Tell the line what the station is doing."""
        self._trigger.announce(state)

    def show_alarms(self, word: int, /) -> None:
        """Tell the line of the active alarms."""
        self._trigger.show_alarms(word)

    def _as_given(self, cue: Cue) -> Cue:
        return self._given if self._given is not None and cue is self._passed_on else cue

    def _as_ordered(self, specimen: Specimen) -> Specimen:
        if not specimen.roll:
            return specimen
        try:
            order = self._order_of(specimen)
        except StoreUnavailable as error:
            return self._without_order_book(specimen, error)
        if order is None:
            return specimen
        return replace(specimen, lot=order.lot, label=_label_of(order) if order.label else specimen.label)

    def _order_of(self, specimen: Specimen) -> RollOrder | None:
        """Return the order of a roll; it never changes, so that of the roll on the line is asked for once."""
        newest = self._newest
        if newest is not None and newest.roll == specimen.roll and specimen.lot in ("", newest.lot):
            return newest
        order = self._orders.order_for(specimen.lot, specimen.roll)
        if order is not None:
            self._newest = order
            log.info("a roll as ordered", order=order.order, lot=order.lot, roll=order.roll)
        return order

    def _without_order_book(self, specimen: Specimen, error: StoreUnavailable) -> Specimen:
        """Where the plant orders rolls, a specimen without a label is referred; a wrong one might pass."""
        if self._newest is None:
            return specimen
        log.warning("no order could be looked up", roll=specimen.roll, error=str(error))
        return replace(specimen, label=None)


def _label_of(order: RollOrder) -> DeclaredLabel | None:
    """Return what an order declares; None, which is referred, if this version cannot read it."""
    try:
        return parse_label(order.label)
    except LabelError as error:
        log.warning("the label of an order cannot be read", order=order.order, error=str(error))
        return None
