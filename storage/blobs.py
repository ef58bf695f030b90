"""Content-addressed files: `blobs/ab/abcd….zst`, named by the SHA-256 of what they hold."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import zstandard

from qc_daemon.domain.errors import IntegrityError, StoreUnavailable
from storage.durable_files import NewFile, flush_folder, make_folder, sweep_unfinished, write_files
from storage.facts import content_sha256

_SUFFIX = ".zst"
_STAGING = "incoming"


class BlobStore:
    """Keeps each content once, flushed to disk, and checks it whenever it is read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._staging = folder / _STAGING
        self._kept: set[str] = set()

    def make_folders(self) -> None:
        """Make the folders of all contents to come, which a crash may undo until this one is flushed.

        Made one by one, each would have to be flushed before the first content in it is safe.

        Raises:
            OSError: the disk is full or failed.
        """
        self._staging.mkdir(parents=True, exist_ok=True)
        for first in range(256):
            (self._folder / f"{first:02x}").mkdir(exist_ok=True)

    def put(self, contents: Iterable[bytes]) -> None:
        """Store contents that are not there already. On return all are on disk.

        Raises:
            StoreUnavailable: the disk is full or failed.
        """
        try:
            write_files(self.new_files({content_sha256(content): content for content in contents}))
        except OSError as error:
            raise StoreUnavailable(f"{error.filename or self._folder}: {error.strerror}") from error

    def new_files(self, contents: Mapping[str, bytes]) -> list[NewFile]:
        """Return the files to be written so that these contents, by their SHA-256, are on disk.

        Raises:
            StoreUnavailable: one that is there already cannot be read.
            OSError: the disk is full or failed.
        """
        return [
            self._new_file(self.path_of(sha256), content)
            for sha256, content in contents.items()
            if not self._keeps(sha256)
        ]

    def read(self, sha256: str) -> bytes:
        """Return a stored content after checking it against its name.

        Raises:
            IntegrityError: the file is missing, damaged, or holds something else.
            StoreUnavailable: the disk failed.
        """
        path = self.path_of(sha256)
        try:
            packed = path.read_bytes()
        except FileNotFoundError as error:
            raise IntegrityError(f"{path} is missing") from error
        except OSError as error:
            raise StoreUnavailable(f"{path}: {error.strerror}") from error
        try:
            content = zstandard.decompress(packed)
        except (zstandard.ZstdError, MemoryError) as error:
            raise IntegrityError(f"{path} is damaged: {error}") from error
        if content_sha256(content) != sha256:
            raise IntegrityError(f"{path} holds other bytes than its name says")
        return content

    def path_of(self, sha256: str) -> Path:
        """Return where the content of that SHA-256 lies."""
        return self._folder / sha256[:2] / (sha256 + _SUFFIX)

    def stored(self) -> Iterator[str]:
        """Yield the SHA-256 in the name of each stored file."""
        for path in self._folder.glob(f"??/*{_SUFFIX}"):
            yield path.name.removesuffix(_SUFFIX)

    def sweep(self) -> int:
        """Delete what a crash left unfinished; return how many files that were."""
        return sweep_unfinished(self._staging)

    def _new_file(self, path: Path, content: bytes) -> NewFile:
        make_folder(self._staging)
        make_folder(path.parent)
        return NewFile(path, self._staging, content, zstandard.compress)

    def _keeps(self, sha256: str) -> bool:
        """Tell whether a content is whole and on disk; the few that come again and again are remembered."""
        path = self.path_of(sha256)
        if not path.exists():
            return False
        if sha256 not in self._kept:
            if not self._is_whole(sha256):
                return False
            flush_folder(path.parent)  # a crash may have come between its rename and this
            self._kept.add(sha256)
        return True

    def _is_whole(self, sha256: str) -> bool:
        # Read, not only looked for: a damaged copy is replaced now that the content is at hand.
        try:
            self.read(sha256)
        except IntegrityError:
            return False
        return True
