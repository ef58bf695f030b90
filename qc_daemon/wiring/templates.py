"""The templates of a factory: which are in use, and what those in the making look like to the layout engine.

Heavy packages are imported where they are used, so that a command starts at once.
"""

import tempfile
from pathlib import Path

import structlog

from qc_daemon.alarms import Alarms
from qc_daemon.config import Config
from qc_daemon.domain.errors import QcError

log = structlog.get_logger()

_TRIAL_LIMIT_S = 10.0


def templates_in_use(config: Config) -> Path:
    """Return the folder of the templates: the factory's newest ones that were tried well, if it has any."""
    from reports.factory_templates import last_good
    from reports.typesetting import SHIPPED_TEMPLATES

    return SHIPPED_TEMPLATES if config.report.template_folder is None else last_good(_kept(config))


def adopt_templates(config: Config) -> str:
    """Try the factory's templates and use them from now on; "" or why not, and which are in use instead."""
    from reports.factory_templates import forget_if_broken, keep_only, try_templates
    from reports.typesetting import SHIPPED_TEMPLATES

    folder = config.report.template_folder
    if folder is None:
        return ""
    try:
        keep_only(try_templates(folder, _kept(config), _TRIAL_LIMIT_S))
    except QcError as error:
        forget_if_broken(_kept(config), _TRIAL_LIMIT_S)
        shipped = templates_in_use(config) == SHIPPED_TEMPLATES
        used = "those of this software are in use" if shipped else "the last good ones stay in use"
        log.warning(f"templates refused; {used}", error=str(error))
        return f"{error}; {used}"
    return ""


def tell_of_templates(refused: str, alarms: Alarms) -> None:
    """Raise an alarm if templates were refused, or end that of an earlier start."""
    if refused:
        alarms.raise_alarm("template", refused)
    else:
        alarms.clear("template")


def look_at_templates(config: Config) -> str:
    """Try the factory's templates and change nothing; return what was found.

    Raises:
        QcError: they cannot be used; one line says why.
    """
    from reports.factory_templates import try_templates

    folder = config.report.template_folder
    assert folder is not None, "only a configured folder is looked at"
    with tempfile.TemporaryDirectory() as scratch:
        try_templates(folder, Path(scratch), _TRIAL_LIMIT_S)
    return f"{folder}: certificate, report of a lot and report of a day can be laid out"


def _kept(config: Config) -> Path:
    return config.station.folder / "templates_last_good"
