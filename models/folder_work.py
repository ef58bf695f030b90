"""Works through the pictures of a folder; what is wrong with one does not stop the others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.picture_files import picture_files, read_content
from qc_daemon.domain.errors import ImageError, InputError

# Raises ImageError if bytes are no whole image; the second argument is what to call them.
Check = Callable[[bytes, str], object]


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of one picture.

    Attributes:
        image: its file.
        debris_percent: share of the picture that is debris; 0 if there is none.
        problem: why nothing was written for it; None if something was.
    """

    image: Path
    debris_percent: float
    problem: str | None = None


class FolderWork:
    """Does one piece of work to each picture of a folder and writes to another one.

    Args:
        images: folder of pictures.
        out: folder to write to.
        check: tells damaged files.
        work: writes what belongs to a whole picture and returns the share of it, in percent, that is debris.
        read: other folders that are read, and so must not be written to.

    Raises:
        InputError: a folder is missing, holds no picture, or would be overwritten.
    """

    def __init__(
        self, images: Path, out: Path, check: Check, work: Callable[[Path], float], read: Sequence[Path] = ()
    ) -> None:
        self.images = picture_files(images)
        for folder in (images, *read):
            if folder.resolve() == out.resolve():
                raise InputError(f"--out {out}: would overwrite what is there; expected another folder")
        self._out, self._check, self._work = out, check, work

    def run(self) -> Iterator[Worked]:
        """Do one picture after the other."""
        try:
            self._out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self._out}: cannot be made; expected a folder to write to") from error
        for image in self.images:
            try:
                self._require_own_stem(image)
                self._check(read_content(image), str(image))
                worked = Worked(image, self._work(image))
            except ImageError as error:
                worked = Worked(image, 0.0, str(error))
            yield worked

    def _require_own_stem(self, image: Path) -> None:
        first = next(other for other in self.images if other.stem == image.stem)
        if first is not image:
            raise ImageError(f"{image}: has the stem of {first.name}; expected one of its own")
