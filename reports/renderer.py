"""Writes certificates into a folder, so that a file that is there is whole."""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from qc_daemon.domain.errors import ReportFailed
from qc_daemon.domain.inspection import Acquisition, Conclusion, ReportFile
from qc_daemon.domain.surroundings import NOTHING_KNOWN, Surroundings
from reports.certificate import certificate_sheet
from reports.content import ReportLanguage, certificate_content
from reports.record import sha256
from reports.render_process import RenderProcess
from reports.typesetting import SHIPPED_TEMPLATES, Sheet

TIME_LIMIT_S = 10.0


class CertificateWriter:
    """Writes the certificate of an inspection as ``<number>-<conclusion id>-<language>.pdf``.

    Args:
        surroundings: asked for what is known around an inspection when its certificate is written.
        templates: folder of the layout.
        timeout_s: how long the layout of one certificate may take.

    Use it as a context manager: entering starts the child process that renders, leaving ends it.
    """

    def __init__(
        self,
        folder: Path,
        language: ReportLanguage,
        station_name: str,
        surroundings: Callable[[int], Surroundings] = lambda _: NOTHING_KNOWN,
        templates: Path = SHIPPED_TEMPLATES,
        timeout_s: float = TIME_LIMIT_S,
    ) -> None:
        self._surroundings = surroundings
        self._templates = templates
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

    def speak(self, language: ReportLanguage) -> None:
        """Write in this language from the next certificate on."""
        self._language = language

    def write(self, number: int, acquisition: Acquisition, conclusion: Conclusion) -> ReportFile:
        """Write the certificate of one inspection and return where it is.

        Raises:
            ReportFailed: it could not be rendered in time, or not be written.
        """
        around = self._surroundings(number)
        content = certificate_content(number, acquisition, conclusion, self._station_name, around)
        pdf = self._process.typeset(certificate_sheet(content, self._language, self._templates))
        path = self._folder / f"{number}-{conclusion.id}-{self._language}.pdf"
        try:
            write_whole(path, pdf)
        except OSError as error:
            raise ReportFailed(f"{path}: the certificate cannot be written: {error.strerror}") from error
        return ReportFile(str(path), self._language, sha256(pdf))


def render_apart(sheet: Sheet, timeout_s: float = TIME_LIMIT_S) -> bytes:
    """Return the PDF of one sheet, typeset in a child of its own.

    Raises:
        ReportFailed: the layout engine refused, died, or took longer than the limit.
    """
    process = RenderProcess(timeout_s)
    try:
        return process.typeset(sheet)
    finally:
        process.close()


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
