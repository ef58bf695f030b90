"""Makes HTML of templates, in the language of whoever looks."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from qc_daemon.domain.people import Right
from qc_daemon.domain.requests import Answer
from qc_daemon.web.parts import Language, Parts
from qc_daemon.web.texts import text_of
from qc_daemon.web.visitors import Visitor, parts_of

_TEMPLATES = Path(__file__).parent / "templates"
# Address, text and key of each page of the navigation.
PAGES = (
    ("/", "live"),
    ("/inspections", "inspections"),
    ("/rolls", "rolls"),
    ("/calibration", "calibration"),
    ("/alarms", "alarms"),
    ("/models", "models"),
    ("/health", "health"),
)
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    request: Request,
    visitor: Visitor,
    template: str,
    status_code: int = 200,
    said: Answer | None = None,
    **context: Any,
) -> Response:
    """Return a whole page; `said` is an answer of the desk to show on top."""
    html = render(
        parts_of(request),
        visitor.language,
        template,
        visitor=visitor,
        path=request.url.path,
        here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        pages=PAGES,
        said=said,
        Right=Right,
        **context,
    )
    return HTMLResponse(html, status_code)


def render(parts: Parts, language: Language, template: str, **context: Any) -> str:
    """Return the HTML of a template in a language."""
    wording = parts.wording
    return _ENVIRONMENT.get_template(template).render(
        t=partial(text_of, language=language),
        fibre=lambda name: (
            text_of("unknown_fibre", language) if name == "unknown" else wording.fibre(name, language)
        ),
        term=lambda name: wording.term(name, language),
        moment=moment_html,
        language=language,
        station_name=parts.station_name,
        **context,
    )


def moment_html(at: datetime | str | None) -> Markup:
    """Return a moment in the station's own time, with its offset for who asks."""
    if not at:
        return Markup("–")
    local = (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone()
    exact = local.isoformat(timespec="seconds")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        exact, exact, f"{local:%Y-%m-%d %H:%M:%S}"
    )
