"""What the driver does when the device answers as no emulator does: scripted replies after a good start."""

import pytest
from fakes import FakeClock
from nano_builders import a_record
from nano_links import Answer, ScriptedLink, ok, refusal

from instruments.nirscan_nano.codec import Command
from instruments.nirscan_nano.driver import NirscanNano
from instruments.nirscan_nano.scan_container import encode_scan
from qc_daemon.domain.errors import (
    DeviceBusy,
    DeviceFault,
    InstrumentError,
    LinkLost,
    LinkTimeout,
    ProtocolError,
)

IDLE, RUNNING = ok(b"\1\0\0\0"), ok(b"\3\0\0\0")
NOT_YET, DONE = ok(b"\0"), ok(b"\1")
NO_ERROR, LAMP_ERROR = ok(bytes(20)), ok(b"\1\0\0\0\4" + bytes(15))
SILENCE = b""
SCAN = encode_scan(a_record())


def _set_up(estimated_ms: int = 0) -> list[Answer]:
    estimate = ok(estimated_ms.to_bytes(4, "little"))
    identity = [ok(b"\0\1\2\0" + bytes(24)), ok(b"1234567\0"), ok(b"NIRscan Nano\0\0\0\0")]
    return [*identity, estimate, IDLE, ok(), ok(), ok(), estimate]


def _file(content: bytes) -> list[Answer]:
    chunks = [content[start : start + 510] for start in range(0, len(content), 510)]
    return [ok(len(content).to_bytes(4, "little")), *map(ok, chunks)]


def _opened(
    *answers: Answer, estimated_ms: int = 0, longest_scan_s: float = 5.0
) -> tuple[NirscanNano, ScriptedLink]:
    link = ScriptedLink([*_set_up(estimated_ms), *answers])
    nano = NirscanNano(link, FakeClock(), longest_scan_s=longest_scan_s)
    nano.__enter__()
    return nano, link


def test_a_start_whose_reply_is_lost_is_not_sent_again_when_the_device_scans() -> None:
    nano, link = _opened(IDLE, SILENCE, RUNNING, NOT_YET, DONE, NO_ERROR, *_file(SCAN))
    assert nano.measure().serial == "1234567"
    assert link.commands().count(Command.START_SCAN) == 1
    assert link.exhausted


def test_a_start_whose_reply_is_lost_is_not_sent_again_when_the_device_is_idle() -> None:
    nano, link = _opened(IDLE, SILENCE, IDLE)
    with pytest.raises(LinkTimeout, match="no reply to START_SCAN"):
        nano.measure()
    assert link.commands().count(Command.START_SCAN) == 1


def test_a_refused_start_is_tried_again_after_asking_what_the_device_does() -> None:
    nano, link = _opened(IDLE, refusal(), IDLE, refusal(0x20), IDLE, ok(), DONE, NO_ERROR, *_file(SCAN))
    nano.measure()
    scanned = [word for word in link.commands() if word in (Command.START_SCAN, Command.DEVICE_STATUS)]
    assert scanned == [Command.DEVICE_STATUS] + [Command.DEVICE_STATUS, Command.START_SCAN] * 3


@pytest.mark.parametrize(("flag", "error"), [(0x10, DeviceFault), (0x20, DeviceBusy)])
def test_a_start_that_stays_refused_is_reported(flag: int, error: type[Exception]) -> None:
    nano, link = _opened(*[IDLE, refusal(flag)] * 3, NO_ERROR)
    with pytest.raises(error, match="START_SCAN"):
        nano.measure()
    assert link.exhausted


def test_a_refusal_with_a_cause_gives_the_cause() -> None:
    nano, _ = _opened(*[IDLE, refusal()] * 3, LAMP_ERROR, ok())
    with pytest.raises(DeviceFault, match=r"the device reports an error of scan \(lamp driver\)"):
        nano.measure()


def test_a_scan_that_somebody_else_started_is_never_taken_for_ours() -> None:
    nano, link = _opened(RUNNING)
    with pytest.raises(DeviceBusy, match="still at work on an earlier scan"):
        nano.measure()
    assert Command.START_SCAN not in link.commands()


def test_opening_waits_for_the_scan_of_a_program_that_died() -> None:
    answers = _set_up()
    answers[4:5] = [RUNNING, NOT_YET, NOT_YET, DONE]
    link = ScriptedLink(answers)
    with NirscanNano(link, FakeClock()):
        assert link.exhausted


def test_an_error_after_a_scan_discards_it_and_is_cleared() -> None:
    nano, link = _opened(IDLE, ok(), DONE, LAMP_ERROR, ok(), IDLE, ok(), DONE, NO_ERROR, *_file(SCAN))
    with pytest.raises(DeviceFault, match="lamp driver"):
        nano.measure()
    nano.measure()
    assert link.exhausted
    assert link.commands().count(Command.RESET_ERRORS) == 2  # once while opening


def test_an_error_that_leaves_the_counts_alone_does_not_cost_the_scan() -> None:
    humidity_error = ok(b"\0\1\0\0" + bytes(16))
    nano, link = _opened(IDLE, ok(), DONE, humidity_error, ok(), *_file(SCAN))
    nano.measure()
    assert link.exhausted


def test_a_lost_chunk_means_that_the_file_is_read_from_its_beginning() -> None:
    content = _file(SCAN)
    nano, link = _opened(IDLE, ok(), DONE, NO_ERROR, *content[:4], SILENCE, *content)
    assert nano.measure().raw == SCAN
    assert link.commands().count(Command.FILE_SIZE) == 2
    assert nano.link_counters.failed_attempts == 1


def test_bytes_swapped_on_the_way_are_read_again() -> None:
    swapped = SCAN[:112] + SCAN[113:111:-1] + SCAN[114:]
    assert sum(swapped) == sum(SCAN)
    assert swapped != SCAN
    nano, _ = _opened(IDLE, ok(), DONE, NO_ERROR, *_file(swapped), *_file(SCAN))
    assert nano.measure().raw == SCAN


@pytest.mark.parametrize(
    ("replies", "message"),
    [
        ([ok(b"\0\0\0\0")], "file SCAN has 0 bytes, expected 1 to 65536"),
        ([ok(b"\xff\xff\xff\xff")], "file SCAN has 4294967295 bytes"),
        ([ok(b"\4\0")], "file size has 2 bytes, expected 4"),
        ([ok(b"\5\0\0\0"), ok(b"tpl"), ok(b"")], "file SCAN came with 0 bytes at 3 of 5"),
        ([ok(b"\5\0\0\0"), ok(b"tpl"), ok(b"123")], "file SCAN came with 3 bytes at 3 of 5"),
        (_file(SCAN[:3000]), "container declares 3701 bytes, 3000 are there"),
    ],
)
def test_a_file_that_is_none_is_refused_after_three_readings(replies: list[Answer], message: str) -> None:
    nano, link = _opened(IDLE, ok(), DONE, NO_ERROR, *replies * 3)
    with pytest.raises(ProtocolError, match=message):
        nano.measure()
    assert link.exhausted


def test_a_hadamard_scan_is_refused_without_reading_it_again() -> None:
    hadamard = encode_scan(a_record(scan_type=1, config_name="Hadamard 1"))
    nano, link = _opened(IDLE, ok(), DONE, NO_ERROR, *_file(hadamard))
    with pytest.raises(ProtocolError, match=r"Hadamard 1.*select a column configuration"):
        nano.measure()
    assert link.exhausted


def test_a_scan_status_that_means_nothing_is_refused() -> None:
    nano, _ = _opened(IDLE, ok(), ok(b"\2"))
    with pytest.raises(ProtocolError, match="scan status is 2, expected 0 or 1"):
        nano.measure()


def test_a_scan_that_never_ends_is_given_up_after_the_longest_time_allowed() -> None:
    nano, link = _opened(IDLE, ok(), *[NOT_YET] * 200, longest_scan_s=5.0)
    with pytest.raises(LinkTimeout, match="the scan still runs after 5 s, the device estimated 0 s"):
        nano.measure()
    assert 40 < link.commands().count(Command.SCAN_STATUS) < 200


def test_a_long_estimate_is_believed_with_half_of_it_and_three_seconds_more() -> None:
    nano, _ = _opened(IDLE, ok(), *[NOT_YET] * 200, estimated_ms=4000, longest_scan_s=5.0)
    with pytest.raises(LinkTimeout, match="the scan still runs after 9 s, the device estimated 4 s"):
        nano.measure()


def test_a_scan_sixteen_times_as_long_as_estimated_is_waited_for() -> None:
    waited = [NOT_YET] * 440  # at ten a second
    nano, link = _opened(
        IDLE, ok(), *waited, DONE, NO_ERROR, *_file(SCAN), estimated_ms=2700, longest_scan_s=60.0
    )
    nano.measure()
    assert link.exhausted


def test_settings_that_change_while_connected_are_a_fault_of_the_device() -> None:
    other = encode_scan(a_record(repeats=1))
    nano, _ = _opened(
        *[IDLE, ok(), DONE, NO_ERROR], *_file(SCAN), *[IDLE, ok(), DONE, NO_ERROR], *_file(other)
    )
    nano.measure()
    with pytest.raises(DeviceFault, match='lost its settings: it scanned "Column 1" with 1 repeats, before'):
        nano.measure()


def test_the_last_scan_is_never_taken_for_a_new_one() -> None:
    newer = encode_scan(a_record(scan_index=8))
    nano, _ = _opened(
        *[IDLE, ok(), DONE, NO_ERROR, *_file(SCAN)] * 2, *[IDLE, ok(), DONE, NO_ERROR], *_file(newer)
    )
    nano.measure()
    with pytest.raises(DeviceFault, match="handed out the scan before this one again"):
        nano.measure()
    assert nano.measure().raw == newer


def test_a_stop_of_the_station_ends_a_scan_that_is_waited_for() -> None:
    asked = 0

    def stopping() -> bool:
        nonlocal asked
        asked += 1
        return asked > 100

    link = ScriptedLink([*_set_up(2700), IDLE, ok(), *[NOT_YET] * 1000])
    with (
        NirscanNano(link, FakeClock(), stopping=stopping) as nano,
        pytest.raises(InstrumentError, match="stopped while waiting"),
    ):
        nano.measure()
    assert not link.is_open


def test_the_identity_is_known_only_after_opening() -> None:
    with pytest.raises(LinkLost, match="has not been opened"):
        _ = NirscanNano(ScriptedLink([]), FakeClock()).identity


def test_a_link_that_fails_while_opening_is_closed_again() -> None:
    link = ScriptedLink([LinkLost("unplugged")])
    with pytest.raises(LinkLost), NirscanNano(link, FakeClock()):
        pass
    assert not link.is_open
