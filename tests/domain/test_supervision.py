"""Every pair of state and event is either in this table or refused."""

import itertools

import pytest

from qc_daemon.domain.supervision import InstrumentEvent, InstrumentState, next_state

# Written out by hand, row by row, in letters: what follows each event in each state; a dot is a refusal.
#            sought  not found  opened  lost  asked  unsettled  settled  unreferenced  warned  sound
TABLE = """
absent         C        .         .      .      .        .         .           .          .      .
connecting     .        A         W      L      .        .         .           .          .      .
warming        .        .         .      L      M        W         N           .          .      .
needs_reference .       .         .      L      M        .         .           N          D      R
ready          .        .         .      L      M        .         .           N          D      R
measuring      .        .         .      L      .        W         .           N          D      R
degraded       .        .         .      L      M        .         .           N          D      R
lost           C        .         .      .      .        .         .           .          .      .
"""
LETTERS = {state.value[0].upper(): state for state in InstrumentState}
ROWS = {words[0]: words[1:] for line in TABLE.strip().splitlines() if (words := line.split())}
EVERY_PAIR = list(itertools.product(InstrumentState, InstrumentEvent))


@pytest.mark.parametrize(("state", "event"), EVERY_PAIR)
def test_each_event_leads_where_the_table_says_or_is_refused(
    state: InstrumentState, event: InstrumentEvent
) -> None:
    letter = ROWS[state.value][list(InstrumentEvent).index(event)]
    if letter == ".":
        with pytest.raises(ValueError, match=f"an instrument that is {state.value} cannot be {event.value}"):
            next_state(state, event)
    else:
        assert next_state(state, event) is LETTERS[letter]


def test_the_table_names_every_state_once_by_a_letter_of_its_own() -> None:
    assert len(LETTERS) == len(InstrumentState) == len(ROWS)


def test_from_every_state_an_instrument_can_become_ready_again() -> None:
    for start in InstrumentState:
        reached, seen = {start}, set()
        while reached - seen:
            state = (reached - seen).pop()
            seen.add(state)
            row = ROWS[state.value]
            reached |= {LETTERS[letter] for letter in row if letter != "."}
        assert InstrumentState.READY in seen
