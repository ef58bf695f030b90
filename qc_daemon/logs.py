"""Where the log goes: to stderr, or to a file that can never fill the disk."""

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_FILE_LOGGER = "qc-daemon"


def log_to_stderr(level: str = "info") -> None:
    """Log to stderr: coloured lines for people, JSON lines for a pipe or a journal."""
    person = sys.stderr.isatty()
    _configure(
        level,
        structlog.dev.ConsoleRenderer() if person else _json(),
        structlog.WriteLoggerFactory(file=sys.stderr),
    )


def log_to_file(file: Path, level: str, max_mb: float, old_files: int) -> None:
    """Log to a file that gives way to a new one when it is full; warnings go to stderr too.

    Raises:
        OSError: the file cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    logging.raiseExceptions = False  # a full disk must not spoil an inspection for the sake of its log line
    whole = RotatingFileHandler(file, maxBytes=int(max_mb * 1e6), backupCount=old_files, encoding="utf-8")
    warnings = logging.StreamHandler(sys.stderr)
    warnings.setLevel(logging.WARNING)
    logger = logging.getLogger(_FILE_LOGGER)
    for handler in logger.handlers:
        handler.close()
    logger.handlers = [whole, warnings]
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    _configure(level, _json(), lambda *_: logger)


def _json() -> structlog.processors.JSONRenderer:
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _configure(level: str, renderer: Any, factory: Any) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=factory,
    )
