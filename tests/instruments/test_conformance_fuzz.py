"""The codecs of all spectrometers against mutated streams; the long form is `benchmarks.codec_fuzz`."""

from dataclasses import replace

import pytest

from benchmarks.codec_fuzz import Codec, codecs, run
from instruments.nirone.codec import LineParser

CODECS = {codec.name: codec for codec in codecs()}


@pytest.mark.parametrize("name", CODECS)
def test_no_stream_of_bytes_breaks_a_codec(name: str) -> None:
    seen = run(CODECS[name], 20_000, seed=1)
    assert seen["scan refused"] > 500
    whole = {"nirscan-nano": "Frame", "nirone": "Line", "ocean": "Message"}[name]
    assert seen[whole] > 5_000  # the streams hold what the codec is there for


class _SplitSensitive(LineParser):
    """Forgets the beginning of a line whose end has not come."""

    def feed(self, data):  # type: ignore[no-untyped-def]
        events = super().feed(data)
        self._buffer.clear()
        return events


class _Hoarder(LineParser):
    """Keeps all that it was fed."""

    def give_up(self):  # type: ignore[no-untyped-def]
        return []

    def feed(self, data):  # type: ignore[no-untyped-def]
        self._buffer += data
        return []


@pytest.mark.parametrize(
    ("parser", "message"), [(_SplitSensitive, "depend on how it is split"), (_Hoarder, "bytes are kept")]
)
def test_a_bad_codec_is_found(parser: type, message: str) -> None:
    bad: Codec = replace(CODECS["nirone"], parser=parser)
    with pytest.raises(AssertionError, match=message):
        run(bad, 2_000, seed=1)


def test_a_decoder_that_takes_anything_is_found() -> None:
    ocean = CODECS["ocean"]
    scan = ocean.decode_scan(ocean.scan)
    with pytest.raises(AssertionError, match=r"an altered scan .* is accepted"):
        run(replace(ocean, decode_scan=lambda raw: scan), 100, seed=1)
