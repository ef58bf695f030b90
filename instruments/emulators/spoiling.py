"""What can go wrong with a reply on its way, whatever the protocol."""

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.serial_process import Reply

LINE_FAULTS = {
    "no_reply": "the reply is lost, the command is obeyed",
    "slow_reply": "replies come VALUE seconds late (1.5)",
    "truncated": "replies stop in the middle",
    "truncated_then_good": "half a reply, then the whole of it",
    "garbage": "NULs, noise and half an old reply stand before replies",
    "duplicate_reply": "replies come twice",
    "device_reboot": "the device restarts and is silent for VALUE seconds (0.3)",
}


def spoilt(faults: ActiveFaults, command: int, good: bytes, garbage: bytes) -> Reply | None:
    """Return a reply with the first line fault that strikes; None if it is lost.

    Args:
        faults: the active faults.
        command: what is replied to.
        good: the bytes of the reply.
        garbage: what stands before it if the line is noisy.
    """
    strikes = faults.strikes
    if strikes("no_reply", command):
        return None
    delay_s = faults.value("slow_reply", default=1.5, command=command) or 0.0
    if strikes("truncated", command):
        good = good[: len(good) // 2]
    elif strikes("truncated_then_good", command):
        good = good[: len(good) // 2] + good
    elif strikes("garbage", command):
        good = garbage + good
    elif strikes("duplicate_reply", command):
        good = good + good
    return Reply(good, delay_s)


def flipped(data: bytes, place: int, bit: int = 0x01) -> bytes:
    """Return bytes of which one has another bit."""
    return data[:place] + bytes((data[place] ^ bit,)) + data[place + 1 :]
