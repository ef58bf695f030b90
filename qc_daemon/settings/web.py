"""The section [web]: where the operators' page is served."""

from ipaddress import ip_address
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator


class WebSection(BaseModel):
    """The operators' page and the REST interface; leave it out on a station without them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on; another than loopback needs TLS.")
    port: int = Field(8080, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    tls_certificate: Path | None = Field(None, description="PEM file of the certificate and its chain.")
    tls_key: Path | None = Field(None, description="PEM file of its private key.")
    session_hours: float = Field(
        12.0, gt=0, le=8784, description="A person is logged in for so long, hours; a wall screen needs more."
    )

    @model_validator(mode="after")
    def _protected(self) -> "WebSection":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("expected tls_certificate together with tls_key")
        for file in (self.tls_certificate, self.tls_key):
            if file is not None and not file.is_file():
                raise ValueError(f"{file}: no such file; expected a PEM file")
        if self.tls_certificate is None and not _is_loopback(self.host):
            raise ValueError(
                f'host: "{self.host}" can be reached by others; expected tls_certificate and tls_key with it'
            )
        return self

    @property
    def address(self) -> str:
        """What people type."""
        scheme = "http" if self.tls_certificate is None else "https"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
