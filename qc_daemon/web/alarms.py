"""The alarms: which are active, who took them on, and what there was before."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from qc_daemon.domain.alarms import kind_of
from qc_daemon.domain.requests import AcknowledgeAlarm, Answer, AnswerKind, EscalateAlarm
from qc_daemon.web.answers import STATUS_OF
from qc_daemon.web.rendering import page
from qc_daemon.web.visitors import Visitor, known_visitor, parts_of, require_own_form

router = APIRouter(include_in_schema=False)

_HISTORY = 200


@router.get("/alarms")
def alarms(request: Request, visitor: Annotated[Visitor, Depends(known_visitor)]) -> Response:
    """Show what is wrong now, and what was."""
    return _alarms_page(request, visitor)


@router.post("/alarms/{what}")
def act(
    request: Request,
    visitor: Annotated[Visitor, Depends(known_visitor)],
    what: Literal["acknowledge", "escalate"],
    token: Annotated[str, Form()],
    code: Annotated[str, Form()],
    subject: Annotated[str, Form()] = "",
    why: Annotated[str, Form()] = "",
) -> Response:
    """Take an alarm on, or call for more help; with a reason, in the name of who is logged in."""
    require_own_form(request, visitor, token)
    kind = AcknowledgeAlarm if what == "acknowledge" else EscalateAlarm
    answer = parts_of(request).desk.ask(visitor.credential, kind(code, subject, why))
    if answer.kind is AnswerKind.DONE:
        return RedirectResponse("/alarms", 303)
    return _alarms_page(request, visitor, answer)


def _alarms_page(request: Request, visitor: Visitor, refused: Answer | None = None) -> Response:
    reader = parts_of(request).reader
    active, history = reader.active_alarms(), reader.alarms(_HISTORY)
    status = STATUS_OF[refused.kind] if refused else 200
    return page(
        request, visitor, "alarms.html", status, refused,
        active=active, history=history,
        wording=lambda code: kind_of(code).wording(visitor.language),
    )  # fmt: skip
