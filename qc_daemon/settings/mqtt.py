"""The section [mqtt]: the message broker that hears of results, alarms and the state of the station."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class MqttSection(BaseModel):
    """Messages to a broker; leave it out on a station without one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(description="Address of the MQTT broker.")
    port: int = Field(1883, gt=0, le=65535, description="Its TCP port; usually 8883 with TLS.")
    topic: str = Field(
        "qc/line-1", description="Messages go to TOPIC/state, TOPIC/result, TOPIC/alarm and TOPIC/ledger."
    )
    username: str = Field("", description="Name to log in with; none if not given.")
    password_file: Path | None = Field(None, description="File with the password of that name.")
    ca_certificate: Path | None = Field(
        None, description="PEM file of the authority that signed the broker's certificate; TLS if given."
    )

    @field_validator("topic")
    @classmethod
    def _publishable(cls, topic: str) -> str:
        if not topic or set(topic) & set("#+\0") or topic.startswith(("/", "$")) or topic.endswith("/"):
            raise ValueError('expected a topic such as "mill-7/line-1", without +, #, and / at its ends')
        return topic

    @model_validator(mode="after")
    def _with_its_files(self) -> "MqttSection":
        if self.password_file is not None and not self.username:
            raise ValueError("password_file: expected only together with username")
        for file in (self.password_file, self.ca_certificate):
            if file is not None and not file.is_file():
                raise ValueError(f"{file}: no such file")
        return self
