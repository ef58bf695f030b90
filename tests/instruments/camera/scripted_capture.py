"""A capture that stands for OpenCV's in the reader's process; a file says at each read what it does.

The name of the "device" is the path of that file: words on one line. `grey=N` is what lies there; the rest
are ways to misbehave, each as some driver has been seen to.
"""

import os
import time
from pathlib import Path

import cv2
import numpy as np

FPS = 80.0  # opening a camera discards twenty frames
# What a healthy camera has: property of OpenCV -> value after power-on.
CONTROLS = {
    cv2.CAP_PROP_FRAME_WIDTH: 640.0,
    cv2.CAP_PROP_FRAME_HEIGHT: 480.0,
    cv2.CAP_PROP_FPS: 25.0,
    cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*"YUYV")),
    cv2.CAP_PROP_CONVERT_RGB: 1.0,
    cv2.CAP_PROP_AUTO_EXPOSURE: 3.0,
    cv2.CAP_PROP_EXPOSURE: 157.0,
    cv2.CAP_PROP_GAIN: 12.0,
    cv2.CAP_PROP_AUTO_WB: 1.0,
    cv2.CAP_PROP_WB_TEMPERATURE: 4000.0,
    cv2.CAP_PROP_AUTOFOCUS: 1.0,
    cv2.CAP_PROP_FOCUS: 30.0,
}


def open_scripted(device):
    return ScriptedCapture(device)


def open_video_file(device):
    """A recorded video in place of a camera: OpenCV's own capture, its controls answered by the script's."""
    return VideoFileCapture(device)


class ScriptedCapture:
    def __init__(self, device):
        self._script = Path(device)
        self._properties = dict(CONTROLS)
        if "no_gain" in self.words:
            del self._properties[cv2.CAP_PROP_GAIN]
        self._due_s = time.monotonic()
        self._reads = 0
        self._obeyed = None
        self._ring = []
        self._stamp_s = 0.0
        self._chance = np.random.default_rng(os.getpid())
        self._noise = self._chance.normal(0.0, 2.0, 2**20)

    @property
    def words(self):
        return self._script.read_text().split()

    def isOpened(self):  # noqa: N802
        return "absent" not in self.words

    def getBackendName(self):  # noqa: N802
        return "SCRIPTED"

    def release(self):
        pass

    def set(self, prop, value):
        words = self.words
        if prop not in self._properties:
            return False
        stubborn = {
            cv2.CAP_PROP_FRAME_WIDTH: "other_size",
            cv2.CAP_PROP_EXPOSURE: "stubborn_exposure",
            cv2.CAP_PROP_AUTOFOCUS: "stubborn_autofocus",
            cv2.CAP_PROP_FOURCC: "only_pixels",
        }.get(prop)
        late = prop == cv2.CAP_PROP_EXPOSURE and "late_exposure" in words and self._reads < 5
        if stubborn not in words and not late:
            self._properties[prop] = value
        return True  # drivers say yes and do nothing

    def get(self, prop):
        if prop == cv2.CAP_PROP_POS_MSEC:
            return 1000.0 * self._stamp_s
        return self._properties.get(prop, -1.0)

    def read(self):
        self._reads += 1
        words = self.words
        if words != self._obeyed:
            self._obeyed = words
            self._script.with_suffix(".obeyed").write_text(" ".join(words))
        while "hang" in words and self._is_streaming:
            time.sleep(60)
        if "crash" in words and self._is_streaming:
            os._exit(9)
        if "deaf" in words and self._is_streaming:
            return False, None
        self._due_s = max(self._due_s + 1.0 / FPS, time.monotonic())
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        self._stamp_s = time.monotonic() - (3.0 if "old" in words else 0.0)
        if "foreign_clock" in words:
            self._stamp_s = time.time()
        return True, self._image(words)

    @property
    def _is_streaming(self):
        return self._reads > 20 or "at_once" in self.words

    def _image(self, words):
        if "freeze" in words and self._ring:
            return self._ring[-1]
        if "ring" in words and self._ring:
            return self._ring[self._reads % len(self._ring)]
        image = self._encoded(words)
        self._ring = [*self._ring[-3:], image]
        return image

    def _encoded(self, words):
        grey = next((int(word[5:]) for word in words if word.startswith("grey=")), 100)
        width, height = (int(self._properties[prop]) for prop in (3, 4))
        pixels = np.full((height, width, 3), grey, np.float64)
        if "equal" not in words:
            pixels[:, ::4] += 20.0
            begin = self._chance.integers(self._noise.size - pixels.size)  # drawing it anew takes too long
            pixels += self._noise[begin : begin + pixels.size].reshape(pixels.shape)
        pixels = np.clip(pixels, 0, 255).astype(np.uint8)
        if self._properties[cv2.CAP_PROP_CONVERT_RGB]:
            return pixels
        jpeg = cv2.imencode(".jpg", pixels)[1].reshape(1, -1)
        return jpeg[:, : jpeg.size // 2] if "half" in words else jpeg


class VideoFileCapture:
    def __init__(self, device):
        self._video = cv2.VideoCapture(device, cv2.CAP_FFMPEG)
        self._answers = dict(CONTROLS)

    def isOpened(self):  # noqa: N802
        return self._video.isOpened()

    def getBackendName(self):  # noqa: N802
        return self._video.getBackendName()

    def set(self, prop, value):
        if prop not in (cv2.CAP_PROP_CONVERT_RGB, cv2.CAP_PROP_FOURCC):
            self._answers[prop] = value
        return True

    def get(self, prop):
        if prop in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT):
            return self._video.get(prop)
        return self._answers.get(prop, -1.0)

    def read(self):
        time.sleep(1.0 / FPS)
        return self._video.read()

    def release(self):
        self._video.release()
