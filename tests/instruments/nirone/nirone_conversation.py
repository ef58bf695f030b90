"""A conversation with a NIRONE Sensor, byte for byte: two points, one averaged scan.

Written out by hand from the maker's table of interface commands (D) and from what the public clients of this
sensor send and expect (C): `label: value` with CR LF, wavelengths with one decimal, numbers in exponent
form, "Measurement ready", float32 little-endian without an end. The labels themselves and the confirmations
of settings are documented nowhere; the words here are ours.
"""

import struct

DARK = struct.pack("<2f", 800.0, 810.5)
LIT = struct.pack("<2f", 40_000.25, 51_200.0)

_SET_UP = [
    (b"h2\r", b"Serial number: 4711\r\n"),
    (b"h0\r", b"Sensor type: NIRONE S2.0\r\n"),
    (b"i\r", b"Firmware: 1.0\r\n"),
    (b"h3\r", b"Min wavelength: 1.55e+03\r\n"),
    (b"h4\r", b"Max wavelength: 1950.0\r\n"),
    (b"W0,1550.0\r", b"Wavelength set\r\n"),
    (b"W1,1950.0\r", b"Wavelength set\r\n"),
    (b"V1,1\r", b"Averaging set\r\n"),
    (b"LM0\r", b"Light mode set\r\n"),
    (b"E0\r", b"Measurement time: 12\r\n"),
]
_DARK_SCAN = [
    (b"LI0\r", b"Light set\r\n"),
    (b"St\r", b"Temperature: 3.15e+01\r\n"),
    (b"XM\r", b"Measurement ready\r\n"),
    (b"Xm0,2\r", DARK),
    (b"Xm0,2\r", DARK),
    (b"LI100\r", b"Light set\r\n"),
    (b"Lt\r", b"Warm-up time: 0\r\n"),
]
_LIT_SCAN = [
    (b"E0\r", b"Measurement time: 12\r\n"),
    (b"LI100\r", b"Light set\r\n"),
    (b"St\r", b"Temperature: 3.20e+01\r\n"),
    (b"XM\r", b"Measurement ready\r\n"),
    (b"Xm0,2\r", LIT),
    (b"Xm0,2\r", LIT),
]
# What the host sends, what the sensor answers.
CONVERSATION = [*_SET_UP, *_DARK_SCAN, *_LIT_SCAN]
