"""One question, one answer: what is retried, what is dropped, what is given up."""

import pytest
from fakes import FakeClock
from nano_frames import LINK_FAILURE, STATUS_REPLY, VERSION_REPLY
from nano_links import ScriptedLink, ok, refusal, stale

from instruments.nirscan_nano.codec import Command
from instruments.nirscan_nano.dialogue import Dialogue
from qc_daemon.domain.errors import (
    DeviceBusy,
    DeviceFault,
    InstrumentError,
    LinkLost,
    LinkTimeout,
    ProtocolError,
)


def _dialogue(*answers: object, stop: bool = False) -> tuple[Dialogue, ScriptedLink]:
    link = ScriptedLink(answers)  # type: ignore[arg-type]
    link.open()
    return Dialogue(link, FakeClock(), lambda: stop, 1.0), link


def test_an_answer_is_returned_without_its_command_word() -> None:
    dialogue, link = _dialogue(ok(b"\1\2\3\4"))
    assert dialogue.ask(Command.DEVICE_STATUS) == b"\1\2\3\4"
    assert link.exhausted
    assert dialogue.counters.failed_attempts == 0


def test_an_answer_that_comes_in_pieces_is_put_together() -> None:
    dialogue, link = _dialogue(lambda request: link.say(ok(b"\7")(request)[:9]) or ok(b"\7")(request)[9:])
    assert dialogue.ask(Command.SCAN_STATUS) == b"\7"


def test_sequences_run_from_1_to_255_and_never_use_0() -> None:
    dialogue, link = _dialogue(*[ok()] * 300)
    for _ in range(300):
        dialogue.ask_once(Command.FILE_CHUNK)
    assert [data[9] for data in link.sent] == [n % 255 + 1 for n in range(300)]


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (b"", LinkTimeout),
        (lambda request: ok(bytes(20))(request)[:15], ProtocolError),
        (lambda request: ok()(request)[:4] + b"\xff" + ok()(request)[5:], ProtocolError),
        (b"ABCD" + bytes(6) + b"\xff\xff" + bytes(9), ProtocolError),
        (bytes(65536), ProtocolError),
        (refusal(0x10), DeviceFault),
        (refusal(0x20), DeviceBusy),
        (LINK_FAILURE, DeviceFault),
        (stale(Command.VERSION), LinkTimeout),
        (STATUS_REPLY, LinkTimeout),
    ],
    ids=[
        "silence",
        "cut",
        "checksum",
        "too long",
        "garbage",
        "refused",
        "busy",
        "unread",
        "echo",
        "sequence",
    ],
)
def test_a_question_that_failed_twice_is_answered_the_third_time_or_not_at_all(
    bad: object, error: type[Exception]
) -> None:
    dialogue, link = _dialogue(bad, bad, ok(b"\5"))
    assert dialogue.ask(Command.SCAN_STATUS) == b"\5"
    assert dialogue.counters.failed_attempts == 2
    assert len(link.sent) == 3
    dialogue, link = _dialogue(bad, bad, bad)
    with pytest.raises(error, match="SCAN_STATUS") as failure:
        dialogue.ask(Command.SCAN_STATUS)
    assert type(failure.value) is error
    assert len(link.sent) == 3
    assert "\n" not in str(failure.value)


def test_what_must_not_be_repeated_is_asked_once() -> None:
    dialogue, link = _dialogue(b"")
    with pytest.raises(LinkTimeout, match="no reply to START_SCAN within 1 s"):
        dialogue.ask_once(Command.START_SCAN, b"\0")
    assert link.commands() == [Command.START_SCAN]


def test_a_reply_that_comes_too_late_still_answers_the_repeated_question() -> None:
    late: list[bytes] = []
    dialogue, link = _dialogue(
        lambda request: late.append(ok(b"\5")(request)) or b"",
        lambda _: late[0],
    )
    assert dialogue.ask(Command.SCAN_STATUS) == b"\5"
    assert link.exhausted


def test_a_duplicate_is_dropped_by_the_next_question() -> None:
    def twice(request: bytes) -> bytes:
        return ok(b"\1")(request) + ok(b"\1")(request)

    dialogue, link = _dialogue(twice, ok(b"\2"))
    assert dialogue.ask(Command.SCAN_STATUS) == b"\1"
    link.say(ok(b"\1")(link.sent[0]))
    assert dialogue.ask(Command.SCAN_STATUS) == b"\2"
    assert dialogue.counters.stale_replies == 2
    assert dialogue.counters.failed_attempts == 0


def test_garbage_before_and_half_an_old_reply_are_skipped() -> None:
    dialogue, _ = _dialogue(lambda request: b"\0\xffAB" + VERSION_REPLY[20:] + ok(b"\1")(request))
    assert dialogue.ask(Command.SCAN_STATUS) == b"\1"
    assert dialogue.counters.garbage_bytes == 4 + len(VERSION_REPLY) - 20
    assert dialogue.counters.failed_attempts == 0


def test_a_cut_reply_followed_by_the_whole_one_is_answered_at_once() -> None:
    def cut_and_whole(request: bytes) -> bytes:
        return ok(bytes(200))(request)[:150] + ok(b"\1")(request)

    dialogue, _ = _dialogue(cut_and_whole)
    assert dialogue.ask(Command.SCAN_STATUS) == b"\1"
    assert dialogue.counters.failed_attempts == 0


def test_an_unplugged_device_is_not_asked_again() -> None:
    dialogue, link = _dialogue(LinkLost("port was unplugged"))
    with pytest.raises(LinkLost):
        dialogue.ask(Command.VERSION)
    assert len(link.sent) == 1


def test_a_stop_of_the_station_ends_the_wait_and_is_not_retried() -> None:
    dialogue, link = _dialogue(b"", stop=True)
    with pytest.raises(InstrumentError, match="stopped while waiting for VERSION"):
        dialogue.ask(Command.VERSION)
    assert len(link.sent) == 1
    with pytest.raises(InstrumentError, match="stopped while waiting"):
        dialogue.wait(10.0)


def test_waiting_drops_what_comes_unasked() -> None:
    dialogue, link = _dialogue()
    link.say(STATUS_REPLY + b"\0\0")
    dialogue.wait(0.05)
    assert link.exhausted
    assert (dialogue.counters.stale_replies, dialogue.counters.garbage_bytes) == (1, 2)
