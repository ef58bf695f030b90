"""Frames of the NIRscan Nano as literals, each with the evidence that it is right.

W: captured on a wire by a third party (TI E2E threads 821320 and 1375232). T: worked out by hand from
the command table with the checksum rule that the captures prove.
"""

from instruments.nirscan_nano.codec import Command


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text)


# (command, data, frame with sequence 0), all T.
REQUESTS = [
    (Command.VERSION, b"", _bytes("41424344 DA000000 C0 00 0200 1602 44434241")),
    (Command.SERIAL_NUMBER, b"", _bytes("41424344 F7000000 C0 00 0200 3302 44434241")),
    (Command.DEVICE_STATUS, b"", _bytes("41424344 C9000000 C0 00 0200 0304 44434241")),
    (Command.START_SCAN, b"\0", _bytes("41424344 5D000000 40 00 0300 180200 44434241")),
    (Command.FILE_SIZE, b"\x08", _bytes("41424344 F8000000 C0 00 0300 2D0008 44434241")),
    (Command.FILE_CHUNK, b"", _bytes("41424344 F0000000 C0 00 0200 2E00 44434241")),
    (Command.TEMPERATURE, b"", _bytes("41424344 C5000000 C0 00 0200 0003 44434241")),
]

# W 821320: what the device sends when a request stopped in the middle or was no frame.
LINK_FAILURE = _bytes("41424344 10000000 10 00 0000 44434241")
# W 1375232: a request with a wrong checksum (F0, should be D8), and the device's answer.
REJECTED_REQUEST = _bytes("41424344 F0000000 C0 00 0200 1600 44434241")
REJECTION = _bytes("41424344 D0000000 D0 00 0000 44434241")

# T: replies repeat the command word, then give data: firmware 2.1.0; status 0x0201.
VERSION_REPLY = _bytes(
    "41424344 07010000 C0 07 1E00 160200010200 00000000 00000000 00000000 01000000 02000000 04000000 44434241"
)
STATUS_REPLY = _bytes("41424344 D8000000 C0 08 0600 0304 01020000 44434241")
# T: an end marker inside the data.
REPLY_WITH_END_INSIDE = _bytes("41424344 09020000 C0 09 0800 2E00 44434241 0000 44434241")
