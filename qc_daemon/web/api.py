"""The REST interface under /api/v1: for a plant's systems, with a token for each."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from pydantic import AwareDatetime
from starlette.responses import Response

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.page import AlarmLine, InspectionFilter, InspectionLine, ReferenceLine
from qc_daemon.domain.people import Actor, secret_sha256
from qc_daemon.domain.requests import (
    AcknowledgeAlarm,
    Answer,
    AnswerKind,
    Credential,
    CredentialKind,
    EscalateAlarm,
    OrderRoll,
)
from qc_daemon.domain.requests import Request as DeskRequest
from qc_daemon.web.answers import STATUS_OF, NotFound
from qc_daemon.web.api_records import (
    After,
    AlarmAction,
    Before,
    Done,
    Filter,
    Health,
    InspectionModel,
    Inspections,
    Limit,
    Number,
    RollOrderIn,
    RollOrderOut,
    RollOrders,
    Rolls,
    ShareModel,
    Verdict,
    VerdictOut,
    Verdicts,
)
from qc_daemon.web.inspections import pdf_of
from qc_daemon.web.parts import Parts
from qc_daemon.web.problems import Problem, RequestRefused, answer_with_problems, documented
from qc_daemon.web.texts import text_of

Row = TypeVar("Row")

_BINARY = {"schema": {"type": "string", "format": "binary"}}

bearer = HTTPBearer(auto_error=False, description="A token that an admin issued on the page People.")


def create_api(parts: Parts) -> FastAPI:
    """Return the interface, to be mounted under /api/v1."""
    api = FastAPI(
        title="Textile quality-control station",
        version="1",
        description="Reads inspections and takes orders of rolls. Times are UTC; shares are percent by mass.",
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(bearer)],
    )
    api.state.parts = parts
    answer_with_problems(api)
    _add_inspections(api)
    _add_rolls_and_health(api)
    _add_orders(api)
    _add_alarms(api)
    _describe(api)
    return api


def known_program(request: Request) -> Actor:
    """Return whose token a request carries."""
    parts = cast("Parts", request.app.state.parts)
    actor = parts.people.of_token(secret_sha256(_token(request)))
    if actor is None:
        raise RequestRefused(401, "expected a valid token", {"WWW-Authenticate": "Bearer"})
    return actor


def _token(request: Request) -> str:
    scheme, secret = get_authorization_scheme_param(request.headers.get("authorization"))
    return secret if scheme.lower() == "bearer" else ""


def _parts(request: Request) -> Parts:
    return cast("Parts", request.app.state.parts)


Known = [Depends(known_program)]
Program = Annotated[Actor, Depends(known_program)]
PartsOf = Annotated[Parts, Depends(_parts)]


def _add_inspections(api: FastAPI) -> None:
    problems = documented(401, 422, 503)
    one = documented(401, 404, 422, 503)

    @api.get("/inspections", dependencies=Known, responses=problems)
    def inspections(
        parts: PartsOf,
        lot: Filter = "",
        roll: Filter = "",
        verdict: Verdict | None = None,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        before: Before = None,
        limit: Limit = 50,
    ) -> Inspections:
        """List inspections from the newest back."""
        which = InspectionFilter(lot, roll, verdict or "", since, until)
        items, following = _page(
            parts.reader.inspections(which, before, limit + 1), limit, lambda line: line.number
        )
        return Inspections(items=items, next=following)

    @api.get("/inspections/{number}", dependencies=Known, responses=one)
    def inspection(parts: PartsOf, number: Number) -> InspectionModel:
        """Return one inspection."""
        return _inspection(parts, number)

    @api.get(
        "/inspections/{number}/report",
        dependencies=Known,
        responses={
            200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}},
            **one,
        },
        response_class=Response,
    )
    def report(parts: PartsOf, number: Number) -> Response:
        """Return the newest certificate of an inspection."""
        return _report(parts, number)

    @api.get("/verdicts", dependencies=Known, responses=problems)
    def verdicts(
        parts: PartsOf,
        after: After = 0,
        limit: Limit = 100,
    ) -> Verdicts:
        """Return the verdicts that followed, for a system that must miss none."""
        return _verdicts(parts.reader.inspections_after(after, limit))


def _add_rolls_and_health(api: FastAPI) -> None:
    problems = documented(401, 422, 503)

    @api.get("/rolls", dependencies=Known, responses=problems)
    def rolls(parts: PartsOf, before: Before = None, limit: Limit = 25) -> Rolls:
        """List rolls, the one that was inspected last first."""
        items, following = _page(parts.reader.rolls(before, limit + 1), limit, lambda line: line.last_number)
        return Rolls(items=items, next=following)

    @api.get("/references", dependencies=Known, responses=problems)
    def references(parts: PartsOf, limit: Limit = 25) -> tuple[ReferenceLine, ...]:
        """Return the newest white references."""
        return parts.reader.references(limit)

    @api.get("/health", dependencies=Known, responses=documented(401, 503))
    def health(parts: PartsOf) -> Health:
        """Return the health of the station."""
        return Health.model_validate(parts.status())


def _add_orders(api: FastAPI) -> None:
    @api.get("/roll-orders", dependencies=Known, responses=documented(401, 422, 503))
    def orders(parts: PartsOf, before: Before = None, limit: Limit = 50) -> RollOrders:
        """List orders of rolls, the newest first."""
        found = parts.reader.orders(before, limit + 1)
        kept, following = _page(found, limit, lambda placed: placed[0])
        items = tuple(RollOrderOut.model_validate(order, from_attributes=True) for _, order in kept)
        return RollOrders(items=items, next=following)

    @api.post("/roll-orders", status_code=201, responses=documented(400, 401, 403, 409, 413, 422, 503))
    def order(request: Request, wanted: RollOrderIn, _actor: Program) -> Done:
        """Announce a roll; the same order twice is once."""
        _ask(request, OrderRoll(wanted.order, wanted.lot, wanted.roll, wanted.label))
        return Done()


def _add_alarms(api: FastAPI) -> None:
    problems = documented(400, 401, 403, 404, 409, 413, 422, 503)

    @api.get("/alarms", dependencies=Known, responses=documented(401, 422, 503))
    def alarms(parts: PartsOf, active: bool = True, limit: Limit = 100) -> tuple[AlarmLine, ...]:
        """Return the active alarms, or the newest of all."""
        return parts.reader.active_alarms() if active else parts.reader.alarms(limit)

    @api.post("/alarms/acknowledge", responses=problems)
    def acknowledge(request: Request, action: AlarmAction, _actor: Program) -> Done:
        """Take an active alarm on."""
        _ask(request, AcknowledgeAlarm(action.code, action.subject, action.why))
        return Done()

    @api.post("/alarms/escalate", responses=problems)
    def escalate(request: Request, action: AlarmAction, _actor: Program) -> Done:
        """Call for more help with an active alarm."""
        _ask(request, EscalateAlarm(action.code, action.subject, action.why))
        return Done()


def _ask(request: Request, asked: DeskRequest) -> None:
    answer = _parts(request).desk.ask(Credential(CredentialKind.TOKEN, _token(request)), asked)
    if answer.kind is not AnswerKind.DONE:
        raise RequestRefused(STATUS_OF[answer.kind], _in_words(answer))


def _in_words(answer: Answer) -> str:
    return text_of(answer.code, "en", subject=answer.subject)


def _inspection(parts: Parts, number: int) -> InspectionModel:
    try:
        sheet = parts.reader.inspection(number)
    except InputError as error:
        raise RequestRefused(404, str(error)) from error
    return InspectionModel(
        inspection=sheet.line,
        shares=tuple(ShareModel.model_validate(share, from_attributes=True) for share in sheet.shares),
        reasons=tuple(parts.wording.reason(reason, "en") for reason in sheet.reasons),
        reports=tuple(stored.sha256 for stored in sheet.reports),
    )


def _report(parts: Parts, number: int) -> Response:
    try:
        sheet = parts.reader.inspection(number)
        if sheet.reports:
            return pdf_of(parts, number, sheet.reports[0])
    except InputError as error:
        raise RequestRefused(404, str(error)) from error
    except NotFound as error:
        raise RequestRefused(404, text_of(error.key, "en")) from error
    raise RequestRefused(404, f"inspection {number} has no certificate yet")


def _verdicts(lines: tuple[InspectionLine, ...]) -> Verdicts:
    items = []
    for line in lines:
        if line.conclusion_id is None:
            break  # who follows by number would never hear of it again
        items.append(VerdictOut.model_validate(line, from_attributes=True))
    return Verdicts(items=tuple(items))


def _page(
    rows: tuple[Row, ...], limit: int, place: Callable[[Row], int]
) -> tuple[tuple[Row, ...], int | None]:
    return rows[:limit], place(rows[limit - 1]) if len(rows) > limit else None


def _describe(api: FastAPI) -> None:
    """State errors as problems, not as FastAPI would on its own."""

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            schema = get_openapi(
                title=api.title, version=api.version, description=api.description, routes=api.routes,
                servers=[{"url": "/api/v1"}],
            )  # fmt: skip
            schemas = schema["components"]["schemas"]
            schemas["Problem"] = Problem.model_json_schema()
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            api.openapi_schema = schema
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]
