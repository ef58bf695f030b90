"""What the desk and the reader say, as statuses of HTTP."""

from collections.abc import Mapping

from qc_daemon.domain.requests import AnswerKind

STATUS_OF: Mapping[AnswerKind, int] = {
    AnswerKind.DONE: 200,
    AnswerKind.UNKNOWN: 401,
    AnswerKind.FORBIDDEN: 403,
    AnswerKind.INVALID: 422,
    AnswerKind.NOT_FOUND: 404,
    AnswerKind.CONFLICT: 409,
    AnswerKind.LOCKED: 429,
    AnswerKind.UNAVAILABLE: 503,
}


class NotFound(Exception):
    """What was asked for is not there; `key` names the text that says so."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key
