import json
import os
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
from camera_kit import a_jpeg

from instruments.camera.image_codec import decode_image
from instruments.camera.multipart import MultipartParser
from instruments.emulators.mjpeg_camera import _COMMANDS, _FAULTS
from instruments.emulators.process import EmulatorProcess

MODULE = "instruments.emulators.mjpeg_camera"


@pytest.fixture()
def image_folder(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number, grey in enumerate((60, 160)):
        (folder / f"{number}.jpg").write_bytes(a_jpeg(grey))
    return folder


def parts_of(url, count):
    parser, parts = MultipartParser(b"frame", 10**6), []
    with urllib.request.urlopen(url, timeout=5) as answer:
        while len(parts) < count:
            parts += [part.body for part in parser.feed(answer.read1(65536))]
    return parts[:count]


def started(*args):
    return subprocess.run([sys.executable, "-m", MODULE, *args], capture_output=True, text=True, input="")


def test_a_healthy_camera_differs_in_every_frame_by_no_more_than_noise(image_folder):
    with EmulatorProcess(MODULE, ["--images", str(image_folder), "--fps", "200"]) as emulator:
        parts = parts_of(emulator.ready["url"], 40)
    assert len(set(parts)) == 40
    original = decode_image(a_jpeg(60), "original").astype(int)
    for part in parts:
        difference = decode_image(part, "frame").astype(int) - original
        assert abs(difference.mean()) < 1
        assert 0.5 < difference.std() < 4


def test_untouched_files_are_served_byte_for_byte(image_folder):
    with EmulatorProcess(MODULE, ["--images", str(image_folder), "--untouched", "--fps", "200"]) as emulator:
        assert set(parts_of(emulator.ready["url"], 3)) == {a_jpeg(60)}
        emulator.tell("present 1")
        assert set(parts_of(emulator.ready["url"], 3)) == {a_jpeg(160)}


def test_nothing_in_front_of_the_lens_is_an_even_field(image_folder):
    with EmulatorProcess(MODULE, ["--images", str(image_folder), "--fps", "200"]) as emulator:
        emulator.tell("present nothing")
        assert decode_image(parts_of(emulator.ready["url"], 1)[0], "frame").std() < 2


def test_a_list_of_files_is_served_in_its_own_order(image_folder, tmp_path):
    listing = tmp_path / "tape.images.txt"
    listing.write_text("".join(f"{image_folder / name}\n" for name in ("1.jpg", "0.jpg", "1.jpg")))
    with EmulatorProcess(MODULE, ["--images", str(listing), "--untouched", "--fps", "200"]) as emulator:
        assert emulator.tell("present 1") == {"ok": True, "present": "0.jpg"}
        assert parts_of(emulator.ready["url"], 1) == [a_jpeg(60)]
        assert emulator.tell("present 2")["ok"]


def test_each_command_is_answered_with_one_line_and_a_wrong_one_says_what_was_expected(image_folder):
    with EmulatorProcess(MODULE, ["--images", str(image_folder)]) as emulator:
        assert emulator.tell("help") == {"ok": True, "commands": list(_COMMANDS), "faults": dict(_FAULTS)}
        assert emulator.tell("present 7") == {"ok": False, "error": "image 7 does not exist; expected 0 to 1"}
        assert "expected one of" in emulator.tell("fault melted")["error"]
        assert "expected one of present N" in emulator.tell("dance")["error"]
        assert "expected one of present N" in emulator.tell("")["error"]
        assert all(
            emulator.tell(f"fault {name}")["ok"] and emulator.tell(f"clear {name}")["ok"] for name in _FAULTS
        )
        assert emulator.tell("quit") == {"ok": True}


def test_an_image_that_went_bad_is_named_and_the_camera_goes_on(image_folder):
    with EmulatorProcess(MODULE, ["--images", str(image_folder)]) as emulator:
        (image_folder / "1.jpg").write_bytes(b"not an image any more")
        answer = emulator.tell("present 1")
        assert not answer["ok"]
        assert "1.jpg: 21 bytes are no image" in answer["error"]
        assert emulator.tell("present 0")["ok"]


def test_it_ends_when_its_standard_input_closes(image_folder):
    read_end, write_end = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-m", MODULE, "--images", str(image_folder)], stdin=read_end, stdout=subprocess.PIPE
    )
    with child:
        assert set(json.loads(child.stdout.readline())) == {"url"}
        os.close(write_end)
        assert child.wait(timeout=5) == 0
    os.close(read_end)


def test_an_image_of_another_size_can_be_presented(image_folder):
    (image_folder / "2.jpg").write_bytes(a_jpeg(90, 120, 30))
    with EmulatorProcess(MODULE, ["--images", str(image_folder), "--fps", "200"]) as emulator:
        emulator.tell("present 2")
        shape = decode_image(parts_of(emulator.ready["url"], 1)[0], "frame").shape
    assert np.array_equal(shape, (120, 30, 3))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--images", "/nowhere"], "/nowhere: cannot be read; expected a folder of images or a text file"),
        (["--images", "{folder}", "--fault", "melted"], 'fault "melted" is not known'),
        (["--images", "{folder}", "--fps", "0"], "expected a number above 0"),
        (["--images", "{empty}"], "no images; expected PNG, JPEG or TIFF files"),
        (["--images", "{listing}"], "image 2: /nowhere.jpg is not a PNG, JPEG or TIFF file"),
    ],
)
def test_bad_input_ends_with_status_2_and_one_line(image_folder, tmp_path, args, message):
    empty, listing = tmp_path / "empty", tmp_path / "list.txt"
    empty.mkdir()
    listing.write_text(f"{image_folder / '0.jpg'}\n/nowhere.jpg\n")
    result = started(*(arg.format(folder=image_folder, empty=empty, listing=listing) for arg in args))
    assert result.returncode == 2
    assert message in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_a_camera_that_falls_behind_sends_old_pictures_with_their_old_stamps(image_folder):
    with EmulatorProcess(MODULE, ["--images", str(image_folder), "--fps", "50"]) as emulator:
        emulator.tell("fault stale=30")
        parser, parts = MultipartParser(b"frame", 10**6), []
        begun_s = time.monotonic()
        with urllib.request.urlopen(emulator.ready["url"], timeout=5) as answer:
            while time.monotonic() - begun_s < 2.0:
                arrived_s = time.time()
                parts += [(arrived_s, part) for part in parser.feed(answer.read1(65536))]
    late_s = [arrived_s - part.stamped_s for arrived_s, part in parts]
    assert late_s[0] < 0.5
    assert late_s[-1] > late_s[0] + 0.5
    stamps = [part.stamped_s for _, part in parts]
    assert stamps == sorted(stamps)
