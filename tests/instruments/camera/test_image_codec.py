import struct

import cv2
import numpy as np
import pytest
from camera_kit import a_jpeg, a_picture
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.camera.image_codec import decode_image, without_metadata
from qc_daemon.domain.errors import ImageError


def encoded(image, suffix):
    return cv2.imencode(suffix, image)[1].tobytes()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_lossless_colours_come_back_as_they_were_and_in_rgb_order(suffix):
    rgb = np.random.default_rng(1).integers(0, 256, (31, 17, 3), dtype=np.uint8)
    decoded = decode_image(encoded(rgb[..., ::-1], suffix), "x")
    assert decoded.dtype == np.uint8
    assert np.array_equal(decoded, rgb)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_grey_is_repeated_in_three_channels(suffix):
    grey = np.tile(np.arange(64, dtype=np.uint8) * 3, (48, 1))
    decoded = decode_image(encoded(grey, suffix), "x")
    assert decoded.shape == (48, 64, 3)
    assert np.array_equal(decoded[..., 0], decoded[..., 2])
    assert np.abs(decoded[..., 0].astype(int) - grey).max() <= (3 if suffix == ".jpg" else 0)


def test_a_jpeg_comes_back_near_to_what_it_was():
    assert np.abs(decode_image(a_jpeg(100), "x").astype(int) - a_picture(100)).mean() < 2


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_scaled_from_full_range_to_full_range(suffix):
    grey = np.array([[0, 128, 129, 32768, 65406, 65407, 65535]], dtype=np.uint16)
    decoded = decode_image(encoded(grey, suffix), "x")
    assert decoded[0, :, 0].tolist() == [0, 0, 1, 128, 254, 255, 255]


def test_transparency_is_dropped():
    bgra = np.dstack([a_picture(90)[..., ::-1], np.full((48, 64), 7, np.uint8)])
    assert np.array_equal(decode_image(encoded(bgra, ".png"), "x"), a_picture(90))


@pytest.mark.parametrize("data", [b"", b"abc", b"\x00" * 5000, b"<html>404</html>", b"GIF89a" + b"\0" * 99])
def test_what_is_no_image_is_refused_by_name(data):
    with pytest.raises(ImageError, match=r"^roll-7\.png: .*expected a whole PNG, JPEG or TIFF"):
        decode_image(data, "roll-7.png")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@settings(deadline=None)
@given(share=st.floats(0.0, 0.999))
def test_an_image_that_is_cut_anywhere_is_refused_by_name(suffix, share):
    noisy = np.random.default_rng(2).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    whole = encoded(noisy, suffix)
    with pytest.raises(ImageError, match=r"^cut: "):
        decode_image(whole[: int(len(whole) * share)], "cut")


def test_the_end_of_an_embedded_thumbnail_is_not_the_end_of_a_jpeg():
    thumbnail = b"Exif\0\0" + a_jpeg(50, 8, 8)
    whole = a_jpeg(200)
    with_thumbnail = whole[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + whole[2:]
    assert decode_image(with_thumbnail, "x").shape == (48, 64, 3)
    with pytest.raises(ImageError, match="cut off"):
        decode_image(with_thumbnail[:-40], "x")


def test_bytes_after_the_end_of_a_jpeg_do_not_matter():
    assert np.array_equal(decode_image(a_jpeg() + b"\0\0\r\n", "x"), decode_image(a_jpeg(), "x"))


def test_floating_point_pixels_are_refused_by_name():
    with pytest.raises(ImageError, match=r"^f: pixels are float32"):
        decode_image(encoded(np.zeros((4, 4), np.float32), ".tif"), "f")


@settings(deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"MM\x00*"])
)
def test_garbage_behind_a_good_signature_is_an_image_error_and_nothing_else(tail, signature):
    with pytest.raises(ImageError):
        decode_image(signature + tail, "garbage")


def test_recorded_images_decode(qc_data):
    paths = sorted((qc_data / "nirscan_swatches" / "images").glob("*.jpg"))
    assert paths
    for path in paths:
        decoded = decode_image(path.read_bytes(), str(path))
        assert decoded.std() > 2


def with_segment(jpeg, marker, content):
    return jpeg[:2] + b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content + jpeg[2:]


def test_metadata_of_a_jpeg_does_not_make_another_picture_and_a_pixel_does():
    plain = without_metadata(a_jpeg(100))
    assert without_metadata(with_segment(a_jpeg(100), 0xFE, b"frame 17")) == plain
    assert without_metadata(with_segment(a_jpeg(100), 0xE1, b"Exif 12:00:01")) == plain
    assert without_metadata(a_jpeg(101)) != plain
    assert len(plain) < len(a_jpeg(100))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_metadata_of_garbage_that_begins_like_a_jpeg_is_no_error(data):
    without_metadata(b"\xff\xd8\xff" + data)
    assert without_metadata(data) == data or data.startswith(b"\xff\xd8\xff")
