"""The models: which one judges, what each was made for, and how another becomes the active one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from qc_daemon.domain.requests import ActivateModel, Answer, AnswerKind
from qc_daemon.web.answers import STATUS_OF
from qc_daemon.web.rendering import page
from qc_daemon.web.visitors import Visitor, known_visitor, parts_of, require_own_form

router = APIRouter(include_in_schema=False)

_NOT_CONFIRMED = Answer(AnswerKind.INVALID, "not_confirmed")


@router.get("/models")
def models(request: Request, visitor: Annotated[Visitor, Depends(known_visitor)]) -> Response:
    """Show the models that the station can use."""
    return _models_page(request, visitor)


@router.post("/models/activate")
def activate(
    request: Request,
    visitor: Annotated[Visitor, Depends(known_visitor)],
    token: Annotated[str, Form()],
    name: Annotated[str, Form()],
    digest: Annotated[str, Form()],
    why: Annotated[str, Form()] = "",
    confirmed: Annotated[str, Form()] = "",
) -> Response:
    """Use another model from the next start on, once it has proved itself."""
    require_own_form(request, visitor, token)
    answer = _NOT_CONFIRMED
    if confirmed:
        answer = parts_of(request).desk.ask(visitor.credential, ActivateModel(name, digest, why))
    return _models_page(request, visitor, answer, name)


def _models_page(
    request: Request, visitor: Visitor, answer: Answer | None = None, activated: str = ""
) -> Response:
    done = answer is not None and answer.kind is AnswerKind.DONE
    status = STATUS_OF[answer.kind] if answer else 200
    return page(
        request, visitor, "models.html", status, None if done else answer,
        models=parts_of(request).models(), activated=activated if done else "",
    )  # fmt: skip
