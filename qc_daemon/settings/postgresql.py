"""What the sections say of a PostgreSQL server: its address, and where the password is."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator


def _address(url: str) -> str:
    scheme, _, rest = url.partition("://")
    if scheme not in {"postgresql", "postgresql+psycopg"} or not rest.partition("/")[2]:
        raise ValueError("expected postgresql://USER@HOST/DATABASE")
    return url


def _there(file: Path) -> Path:
    if not file.is_file():
        raise ValueError(f"{file}: no such file")
    return file


DatabaseAddress = Annotated[str, AfterValidator(_address)]
PasswordFile = Annotated[Path, AfterValidator(_there)]
