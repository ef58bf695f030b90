"""Messages of the Ocean Binary Protocol as literals, each with the evidence that it is right.

P: a public unit test of another driver (python-seabreeze), which states header, payload and MD5.
T: worked out by hand from the message table with the rule that P proves. G: bytes that a third program
sends to a QE Pro; only type, immediate length and data are known of it.
"""


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text)


# P: flags "ACK requested", type 0, 14 bytes of payload (not immediate data), MD5.
TEST_MESSAGE = _bytes(
    "C1C0 0011 0400 0000 00000000 00000000 000000000000 01 00 00000000000000000000000000000000 22000000"
    "5468697320697320612074657374"
    "AC9FA926C335E6BDBC8CAA545B3D655A C5C4C3C2"
)
TEST_DATA = b"This is a test"
# T: get the serial number, without a checksum.
GET_SERIAL = _bytes(
    "C1C0 0011 0000 0000 00010000 00000000 000000000000 00 00 00000000000000000000000000000000 14000000"
    "00000000000000000000000000000000 C5C4C3C2"
)
# T: set the integration time to 100,000 µs, ACK requested, MD5.
SET_100_MS = _bytes(
    "C1C0 0011 0400 0000 10001100 00000000 000000000000 01 04 A0860100000000000000000000000000 14000000"
    "13A4A266D9F695DFC1013830FACB00EB C5C4C3C2"
)
# G: type, immediate length, immediate data of "set GPIO".
GPIO_TYPE, GPIO_DATA = 0x00200110, _bytes("10000000 10000000")
