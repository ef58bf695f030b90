"""The tables of docs/operating.md that are made from the code: keys of the configuration, and alarms.

    python -m qc_daemon.settings.reference docs/operating.md

writes them anew between their marks.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from qc_daemon.config import Config
from qc_daemon.domain.alarms import CATALOGUE, AlarmKind, Wording
from qc_daemon.settings.changes import RELOADABLE


def with_tables(document: str) -> str:
    """Return a document with its tables made anew."""
    tables = {
        "configuration": configuration_table(),
        "alarms": alarm_table("en"),
        "alarms in Chinese": alarm_table("zh"),
    }
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        whole = f"{begin}\n{table}\n{end}"
        document = pattern.sub(lambda _, whole=whole: whole, document)  # type: ignore[misc]
    return document


def configuration_table() -> str:
    """Return every key with its default, whether a running station takes it over, and what it means."""
    lines = ["| key | default | meaning |", "|---|---|---|"]
    lines += [
        _key_line(f"{section}.{key}", field)
        for section, model in _sections()
        for key, field in model.model_fields.items()
    ]
    return "\n".join(lines)


def alarm_table(language: Literal["zh", "en"]) -> str:
    """Return the catalogue of alarms."""
    head = {
        "en": "| alarm | severity | escalates after | what it is | why | do |",
        "zh": "| 报警 | 级别 | 升级时限 | 含义 | 原因 | 处理 |",
    }
    lines = [_alarm_line(code, kind, kind.wording(language)) for code, kind in CATALOGUE.items()]
    return "\n".join([head[language], "|---|---|---|---|---|---|", *lines])


def _sections() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in Config.model_fields.items():
        options = [field.annotation, *getattr(field.annotation, "__args__", ())]
        yield name, next(one for one in options if isinstance(one, type) and issubclass(one, BaseModel))


def _key_line(key: str, field: Any) -> str:
    default = field.default
    shown = "required" if field.is_required() else "none" if default is None else f"`{default}`"
    reloaded = " Taken over on SIGHUP." if key in RELOADABLE else ""
    return f"| `{key}` | {shown} | {field.description}{reloaded} |"


def _alarm_line(code: str, kind: AlarmKind, wording: Wording) -> str:
    after = "-" if kind.escalate_after_min is None else f"{kind.escalate_after_min:g} min"
    cells = (f"`{code}`", kind.severity.value, after, wording.title, wording.cause, wording.remedy)
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_tables(file.read_text(encoding="utf-8")), encoding="utf-8")
