"""The container: small vectors by hand, and lengths that lie."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.nirscan_nano.tpl import decode_container, encode_container
from qc_daemon.domain.errors import ProtocolError

# "tpl", flags, total 43; type string; lengths 3 and 2; 0x0102 as v; "ab\0"; -1 as j; 1 and -2 as i#.
_TYPE = b"S(vc#$(ji#))\0"
LITTLE = b"tpl\0" + b"\x2c\0\0\0" + _TYPE + b"\3\0\0\0\2\0\0\0" + b"\x02\x01" + b"ab\0" + b"\xff\xff"
LITTLE += b"\1\0\0\0\xfe\xff\xff\xff"
BIG = b"tpl\1" + b"\0\0\0\x2c" + _TYPE + b"\0\0\0\3\0\0\0\2" + b"\x01\x02" + b"ab\0" + b"\xff\xff"
BIG += b"\0\0\0\1\xff\xff\xff\xfe"


@pytest.mark.parametrize("blob", [LITTLE, BIG, LITTLE + bytes(100), BIG + b"padding"])
def test_a_container_is_decoded_by_its_type_string(blob: bytes) -> None:
    container = decode_container(blob)
    number, text, negative, array = container.values
    assert (number, text, negative, array.tolist()) == (0x0102, b"ab\0", -1, [1, -2])
    assert container.type_string == "S(vc#$(ji#))"
    assert container.size == len(LITTLE)


def test_the_encoder_writes_the_same_bytes() -> None:
    assert encode_container("S(vc#$(ji#))", [0x0102, b"ab\0", -1, np.array([1, -2])]) == LITTLE


@given(
    st.integers(0, 2**32 - 1),
    st.binary(max_size=50),
    st.lists(st.floats(allow_nan=False), max_size=5),
    st.integers(-(2**15), 2**15 - 1),
)
def test_values_come_back(number: int, text: bytes, floats: list[float], small: int) -> None:
    values = decode_container(encode_container("S(uc#f#j)", [number, text, np.array(floats), small])).values
    assert (values[0], values[1], values[2].tolist(), values[3]) == (number, text, floats, small)


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", 'expected a container that starts with "tpl"'),
        (b"tpl", 'expected a container that starts with "tpl"'),
        (b"TPL" + LITTLE[3:], 'expected a container that starts with "tpl"'),
        (b"tpl\x02" + LITTLE[4:], "flags 0x02, expected 0x00 or 0x01"),
        (LITTLE[:-1], "declares 44 bytes, 43 are there"),
        (LITTLE[:4] + b"\xff\xff\xff\xff" + LITTLE[8:], "declares 4294967295 bytes"),
        (LITTLE[:4] + b"\x08\0\0\0" + LITTLE[8:], "declares 8 bytes"),
        (LITTLE[:4] + b"\x2d\0\0\0" + LITTLE[8:] + b"\0", "24 bytes of values, its fields take 23"),
        (LITTLE.replace(b"S(vc", b"S(xc"), r'type string "S\(xc#\$\(ji#\)\)", which is not understood'),
        (LITTLE.replace(b"S(vc", b"S(\nc"), r'type string "S\(\?c#\$\(ji#\)\)", which is not understood'),
        (LITTLE.replace(b"\3\0\0\0\2", b"\3\0\0\x7f\2"), "declares values of"),
        (b"tpl\0\x13\0\0\0S(c#c#)\0\0\0\0", "ends within its array lengths"),
    ],
)
def test_a_container_that_lies_is_refused_in_one_line(blob: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message) as refusal:
        decode_container(blob)
    assert "\n" not in str(refusal.value)


@given(st.integers(0, len(LITTLE) - 1), st.integers(1, 255))
def test_no_flipped_byte_escapes_as_anything_but_a_protocol_error(position: int, mask: int) -> None:
    flipped = bytearray(LITTLE)
    flipped[position] ^= mask
    try:
        decode_container(bytes(flipped))
    except ProtocolError:
        return
    # What passes has other values, in fields of the sizes that it declares itself.


def test_a_number_that_its_field_cannot_hold_is_not_written() -> None:
    with pytest.raises(ValueError, match="70000 does not fit a container field of type v"):
        encode_container("S(v)", [70000])
