"""A roll that the plant ordered is judged by its order, and the line is answered on what it announced."""

from pathlib import Path

import pytest
from fakes import MemoryStore
from test_line_loop import FakeTrigger, cue_for, run_loop, scripted

from qc_daemon.clock import SystemClock
from qc_daemon.domain.errors import StoreUnavailable
from qc_daemon.domain.inspection import Conclusion, Specimen
from qc_daemon.domain.label import parse_label
from qc_daemon.domain.line import Cue, NoVerdict
from qc_daemon.domain.people import RollOrder
from qc_daemon.roll_orders import OrderedTrigger


class FakeOrderBook:
    """Has the orders that it was given; `down` makes it fail."""

    def __init__(self, *orders: RollOrder) -> None:
        self.orders = orders
        self.asked: list[tuple[str, str]] = []
        self.down = False

    def order_for(self, lot: str, roll: str) -> RollOrder | None:
        self.asked.append((lot, roll))
        if self.down:
            raise StoreUnavailable("the database is away")
        found = [order for order in self.orders if order.roll == roll and lot in ("", order.lot)]
        return found[0] if len(found) == 1 else None


class ParticularTrigger(FakeTrigger):
    """Hears only of the very cue that it gave, as a PLC's does."""

    def next_cue(self, look: object, timeout_s: float, /) -> Cue | None:
        self.given = super().next_cue(look, timeout_s)  # type: ignore[arg-type]
        return self.given

    def answer(self, cue: Cue, conclusion: Conclusion) -> None:
        assert cue is self.given
        super().answer(cue, conclusion)

    def refuse(self, cue: Cue, why: NoVerdict) -> None:
        assert cue is self.given
        super().refuse(cue, why)


def an_order(label: str, lot: str = "LOT-1", roll: str = "R-1") -> RollOrder:
    return RollOrder("PO-1", lot, roll, label, "mes", SystemClock().now())


def announced(book: FakeOrderBook, *specimens: Specimen) -> list[Specimen]:
    """Return how specimens go on to the line loop."""
    trigger = OrderedTrigger(scripted(*[Cue(one, may_be_stored=False) for one in specimens]), book)
    cues = [trigger.next_cue(lambda: None, 0.0) for _ in specimens]
    return [cue.specimen for cue in cues if cue is not None]


def lying(roll: str = "R-1", lot: str = "LOT-1", label: str = "") -> Specimen:
    return Specimen("S", lot, roll, 0.0, parse_label(label) if label else None)


def labels(specimens: list[Specimen]) -> list[str | None]:
    return [one.label.text if one.label else None for one in specimens]


@pytest.mark.parametrize(
    ("ordered", "outcome"), [("cotton 60 polyester 40", "PASS"), ("cotton 90 polyester 10", "FAIL")]
)
def test_the_line_loop_judges_a_roll_by_its_order_and_answers_what_was_announced(
    tmp_path: Path, ordered: str, outcome: str
) -> None:
    store = MemoryStore()
    trigger = ParticularTrigger((cue_for("S-1"), scripted().health))
    run_loop(tmp_path, OrderedTrigger(trigger, FakeOrderBook(an_order(ordered))), store)
    label = store.acquisitions[1].specimen.label
    assert label is not None and label.text == ordered
    assert trigger.told[1] == ("S-1", outcome)


def test_a_specimen_that_gets_no_verdict_is_refused_as_it_was_announced(tmp_path: Path) -> None:
    store = MemoryStore()
    store.database_down = True
    trigger = ParticularTrigger((cue_for("S-1"), scripted().health))
    run_loop(tmp_path, OrderedTrigger(trigger, FakeOrderBook(an_order("wool 100"))), store)
    assert ("S-1", NoVerdict.STORE) in trigger.told


def test_what_the_order_says_wins_over_the_line() -> None:
    book = FakeOrderBook(an_order("wool 100"))
    assert labels(announced(book, lying(label="cotton 100"), lying("R-2", label="cotton 100"))) == [
        "wool 100", "cotton 100",
    ]  # fmt: skip


def test_a_code_that_names_only_the_roll_gets_the_lot_of_the_order_too() -> None:
    (specimen,) = announced(FakeOrderBook(an_order("wool 100")), lying(lot=""))
    assert (specimen.lot, labels([specimen])) == ("LOT-1", ["wool 100"])


def test_a_roll_that_two_lots_have_is_nobodys_without_a_lot() -> None:
    book = FakeOrderBook(an_order("wool 100"), an_order("silk 100", lot="LOT-2"))
    assert announced(book, lying(lot="", label="cotton 100")) == [lying(lot="", label="cotton 100")]


def test_an_order_without_a_label_leaves_that_of_the_line() -> None:
    assert labels(announced(FakeOrderBook(an_order("")), lying(label="cotton 100"))) == ["cotton 100"]


def test_a_roll_is_looked_up_until_it_has_an_order_and_then_no_more() -> None:
    book = FakeOrderBook(an_order("wool 100"))
    announced(book, lying("R-0"), lying("R-0"), lying(), lying())
    assert book.asked == [("LOT-1", "R-0"), ("LOT-1", "R-0"), ("LOT-1", "R-1")]


def test_a_specimen_of_no_roll_is_not_looked_up() -> None:
    book = FakeOrderBook(an_order("wool 100"))
    assert announced(book, lying("", "")) == [lying("", "")]
    assert book.asked == []


def test_without_the_order_book_an_ordering_plant_judges_by_no_label_at_all() -> None:
    book = FakeOrderBook(an_order("wool 100"))
    trigger = OrderedTrigger(
        scripted(*[Cue(lying(roll, label="cotton 100"), False) for roll in ("R-0", "R-1", "R-1", "R-2")]),
        book,
    )
    book.down = True
    before = trigger.next_cue(lambda: None, 0.0)
    book.down = False
    known = trigger.next_cue(lambda: None, 0.0)
    book.down = True
    still_known, unknown = trigger.next_cue(lambda: None, 0.0), trigger.next_cue(lambda: None, 0.0)
    found = [cue.specimen for cue in (before, known, still_known, unknown) if cue is not None]
    assert labels(found) == ["cotton 100", "wool 100", "wool 100", None]


def test_a_label_that_cannot_be_read_any_more_is_no_label() -> None:
    assert labels(announced(FakeOrderBook(an_order("unobtainium 100")), lying(label="cotton 100"))) == [None]
