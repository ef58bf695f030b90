"""Frames of a camera that sends all the time, and the choice of the first one that is surely fresh.

A frame is fresh if nothing of it can have been there before the moment that is asked about, and if the
camera is alive: a sensor's noise makes every picture differ, so a picture that was seen before proves
nothing, and neither does the first one, which nothing can be compared with.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Protocol

from instruments.camera.image_codec import decode_image, without_metadata
from qc_daemon.domain.errors import ImageError, InstrumentError, LinkTimeout, ProtocolError
from qc_daemon.domain.image import Frame
from qc_daemon.domain.ports import Clock
from qc_daemon.domain.spectrum import InstrumentIdentity

# Frames that are kept because someone may still ask for the first one after a moment of the past.
_KEPT_BYTES = 32 * 2**20
# A driver that has lost its camera may hand out its buffers again in turn; there are usually four.
_COMPARED_PICTURES = 8
# Frames come, but none is fresh: after so long the camera is frozen or far behind, and that is said.
_PROOF_S = 1.0
# One frame may be on its way when a fresh one is asked for, and one more in a buffer of the camera.
_FRAMES_BEHIND = 3
# A camera without a new picture for so long is lost: then 2 s are kept if it is asked four times a second.
_STILL_S = 1.5


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A frame that is not decoded yet.

    Attributes:
        number: counts the frames of this camera from 1.
        not_before_s: a moment of the monotonic clock at which nothing of it was there yet.
        captured_s: when it came; `captured_at` the same in UTC.
        repeats: how many frames in a row, this one included, showed a picture that was seen before.
    """

    number: int
    encoded: bytes
    not_before_s: float
    captured_s: float
    captured_at: datetime
    repeats: int


class Shelf:
    """Frames of the last seconds, and why no more come.

    The reader thread and the caller share it; whoever looks at it holds `changed`.
    """

    def __init__(self) -> None:
        self.failure: InstrumentError | None = None
        self.changed = threading.Condition()
        self._frames: deque[StoredFrame] = deque()
        self._bytes = 0
        self._pictures: deque[bytes] = deque(maxlen=_COMPARED_PICTURES)

    def put(self, encoded: bytes, not_before_s: float, captured_s: float, captured_at: datetime) -> None:
        """Store a frame; the oldest ones make room."""
        picture = blake2b(without_metadata(encoded), digest_size=16).digest()
        with self.changed:
            last = self.newest
            number, repeats = (last.number + 1, last.repeats + 1) if last else (1, 0)
            if picture not in self._pictures:
                repeats = 0
                self._pictures.append(picture)
            self._frames.append(StoredFrame(number, encoded, not_before_s, captured_s, captured_at, repeats))
            self._bytes += len(encoded)
            while self._bytes > _KEPT_BYTES and len(self._frames) > 1:
                self._bytes -= len(self._frames.popleft().encoded)
            self.failure = None
            self.changed.notify_all()

    def fail(self, failure: InstrumentError) -> None:
        """Note that no more frames come."""
        with self.changed:
            self.failure = failure
            self.changed.notify_all()

    def first(self, after_s: float, after_number: int) -> StoredFrame | None:
        """Return the first frame that came after that moment and has a higher number."""
        return next((f for f in self._frames if f.not_before_s > after_s and f.number > after_number), None)

    @property
    def newest(self) -> StoredFrame | None:
        """The last frame that came."""
        return self._frames[-1] if self._frames else None


class Reader(Protocol):
    """Fills a shelf from a thread of its own."""

    @property
    def recovers(self) -> bool:
        """Whether it looks for the camera again by itself after a failure."""
        ...

    def is_alive(self) -> bool:
        """Tell whether the thread still runs."""
        ...

    def stop(self) -> None:
        """End the thread."""
        ...


class LiveFrames:
    """What the cameras that send all the time have in common.

    Args:
        name: of the camera, in errors.
        start_reader: starts a thread that puts the camera's frames on the shelf, and says when it fails.
        um_per_pixel: size of a pixel on the specimen, in µm.
        timeout_s: how long to wait for a frame.
    """

    def __init__(
        self,
        name: str,
        start_reader: Callable[[Shelf], Reader],
        um_per_pixel: float,
        clock: Clock,
        timeout_s: float,
    ) -> None:
        self._name = name
        self._start = start_reader
        self._um_per_pixel = um_per_pixel
        self._clock = clock
        self._timeout_s = timeout_s
        self._shelf = Shelf()
        self._reader: Reader | None = None

    def start(self) -> None:
        """Start reading, so that frames of the past are there when someone asks."""
        self._reader = self._start(self._shelf)

    def stop(self) -> None:
        """End the reader."""
        if self._reader is not None:
            self._reader.stop()
            self._reader = None

    def frame_after(self, monotonic_s: float, camera: Callable[[], InstrumentIdentity]) -> Frame:
        """Return the first whole frame that came after that moment and shows nothing seen before.

        If for a second none but repeated ones come, the newest of them is returned with its `repeats`, so
        that a gate can refuse it and the record shows it.

        Args:
            monotonic_s: moment of the monotonic clock.
            camera: says which camera it was, once there is a frame.

        Raises:
            InstrumentError: the camera is not there, stalls, is far behind, or sends no whole images.
        """
        search = _Search(monotonic_s, self._clock.monotonic_s() + self._timeout_s, self._newest_number())
        damage: ImageError | None = None
        while (stored := self._next(search)) is not None:
            search.number = stored.number
            if stored.repeats > 0:
                search.repeated = stored
                search.until_s = min(search.until_s, self._clock.monotonic_s() + _PROOF_S)
                continue
            try:
                return self._decoded(stored, camera())
            except ImageError as error:
                damage = error
        try:
            if search.repeated is not None:
                return self._decoded(search.repeated, camera())
        except ImageError as error:
            damage = error
        raise ProtocolError(str(damage)) if damage else self._nothing_fresh(search)

    def is_live(self) -> bool:
        """Tell whether new pictures come; False if all that come were seen before.

        It looks at what came in the last 1.5 s. Only a reader that had to be started first, or that never
        gave a frame, is waited for. Nothing is decoded.

        Raises:
            InstrumentError: nothing came, or only what is older.
        """
        with self._shelf.changed:
            is_new = self._revive() or self._shelf.newest is None
        now_s = self._clock.monotonic_s()
        until_s = now_s + (self._timeout_s if is_new else 0.0)
        search = _Search(now_s - _STILL_S, until_s, self._newest_number())
        while (stored := self._next(search)) is not None:
            if stored.repeats == 0:
                return True
            search.number, search.repeated = stored.number, stored
        if search.repeated is None:
            raise LinkTimeout(f"{self._name}: no picture from the last {_STILL_S:g} s")
        return False

    def _next(self, search: "_Search") -> StoredFrame | None:
        """Return the next frame that came late enough; None if the search has lasted too long.

        A reader that was lost before this call, or is found lost by it, is started anew once.
        """
        started_here = False
        with self._shelf.changed:
            while (stored := self._shelf.first(search.after_s, search.number)) is None:
                failure = self._shelf.failure
                if failure is not None and (started_here or (self._reader and self._reader.recovers)):
                    raise failure
                started_here = self._revive() or started_here
                left_s = search.until_s - self._clock.monotonic_s()
                if left_s <= 0.0 or self._is_behind(search):
                    return None
                self._shelf.changed.wait(left_s)
        return stored

    def _revive(self) -> bool:
        """Start a reader if none runs that recovers by itself; tell whether one was started."""
        reader = self._reader
        if reader is not None and reader.is_alive() and (self._shelf.failure is None or reader.recovers):
            return False
        self._shelf.failure = None
        self._reader = self._start(self._shelf)
        return True

    def _is_behind(self, search: "_Search") -> bool:
        """Tell whether frames keep coming that are all too old."""
        came = self._newest_number() - search.newest_at_start
        waited_s = self._timeout_s - (search.until_s - self._clock.monotonic_s())
        return search.repeated is None and came >= _FRAMES_BEHIND and waited_s > _PROOF_S

    def _newest_number(self) -> int:
        newest = self._shelf.newest
        return newest.number if newest else 0

    def _decoded(self, stored: StoredFrame, camera: InstrumentIdentity) -> Frame:
        return Frame(
            encoded=stored.encoded,
            pixels=decode_image(stored.encoded, f"frame of {self._name}"),
            um_per_pixel=self._um_per_pixel,
            camera=camera,
            captured_at=stored.captured_at,
            captured_monotonic_s=stored.captured_s,
            repeats=stored.repeats,
        )

    def _nothing_fresh(self, search: "_Search") -> LinkTimeout:
        newest = self._shelf.newest
        if newest is None or newest.number <= max(search.newest_at_start, 1):
            return LinkTimeout(f"{self._name}: no frame within {self._timeout_s:g} s")
        late_s = search.after_s - newest.not_before_s
        return LinkTimeout(
            f"{self._name}: frames are old; the newest is from {late_s:.1f} s before the trigger: "
            "the camera is behind, or its clock is wrong"
        )


@dataclass(slots=True)
class _Search:
    """For which frame the caller waits, and until when.

    Attributes:
        number: only later frames; the first frame of all cannot be compared with another.
        repeated: the newest that came late enough but shows a picture seen before.
    """

    after_s: float
    until_s: float
    newest_at_start: int
    number: int = 1
    repeated: StoredFrame | None = None
