"""docs/operating.md describes every key of the configuration, in the words of the model."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from qc_daemon.config import Config

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "operating.md"


def sections() -> list[tuple[str, type[BaseModel]]]:
    found = []
    for name, field in Config.model_fields.items():
        options = [field.annotation, *getattr(field.annotation, "__args__", ())]
        section = next(one for one in options if isinstance(one, type) and issubclass(one, BaseModel))
        found.append((name, section))
    return found


def described(section: str, key: str, field: Any) -> str:
    default = field.default
    shown = "required" if default is PydanticUndefined else "none" if default is None else f"`{default}`"
    return f"| `{section}.{key}` | {shown} | {field.description} |"


def test_every_key_is_described_with_its_default() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    lines = [
        described(section, key, field)
        for section, model in sections()
        for key, field in model.model_fields.items()
    ]
    missing = [line for line in lines if line not in text]
    assert not missing, "docs/operating.md lacks:\n" + "\n".join(missing)
