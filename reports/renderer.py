"""Writes certificates into a folder, so that a file that is there is whole."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from qc_daemon.domain.errors import ReportFailed
from qc_daemon.domain.inspection import Acquisition, Conclusion, ReportFile
from reports.certificate import certificate_sheet
from reports.content import ReportLanguage, certificate_content
from reports.record import sha256
from reports.render_process import RenderProcess


class CertificateWriter:
    """Writes the certificate of an inspection as ``<number>-<conclusion id>-<language>.pdf``.

    Use it as a context manager: entering starts the child process that renders, leaving ends it.
    """

    def __init__(
        self, folder: Path, language: ReportLanguage, station_name: str, timeout_s: float = 10.0
    ) -> None:
        self._folder = folder
        self._language: ReportLanguage = language
        self._station_name = station_name
        self._process = RenderProcess(timeout_s)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.close()

    def write(self, number: int, acquisition: Acquisition, conclusion: Conclusion) -> ReportFile:
        """Write the certificate of one inspection and return where it is.

        Raises:
            ReportFailed: it could not be rendered in time, or not be written.
        """
        content = certificate_content(number, acquisition, conclusion, self._station_name)
        pdf = self._process.typeset(certificate_sheet(content, self._language))
        path = self._folder / f"{number}-{conclusion.id}-{self._language}.pdf"
        try:
            write_whole(path, pdf)
        except OSError as error:
            raise ReportFailed(f"{path}: the certificate cannot be written: {error.strerror}") from error
        return ReportFile(str(path), self._language, sha256(pdf))


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is either whole or not there, also after a power cut.

    Raises:
        OSError: the folder or the file cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
