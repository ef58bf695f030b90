"""The configuration of a station: one TOML file, each key typed, described and checked.

A wrong file never gets past `load_config`: it raises `ConfigError` with one line that names the
file, the line, the key and what was expected.
"""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from qc_daemon.domain.errors import ConfigError, LabelError
from qc_daemon.domain.label import parse_label
from qc_daemon.domain.rules import rule_named
from qc_daemon.settings.backup import BackupSection
from qc_daemon.settings.ledger import LedgerSection
from qc_daemon.settings.log import LogSection
from qc_daemon.settings.mqtt import MqttSection
from qc_daemon.settings.plant import PlantSection
from qc_daemon.settings.report import ReportSection
from qc_daemon.settings.retention import RetentionSection
from qc_daemon.settings.sampling import SamplingSection
from qc_daemon.settings.storage import StorageSection
from qc_daemon.settings.web import WebSection

DEFAULT_FILE = Path("qc.toml")

SpectrometerKind = Literal["nirscan-nano", "nirone", "ocean"]


_OF_A_DEVICE = frozenset({"width_px", "height_px", "exposure_ms", "gain", "white_balance_k", "focus"})


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StationSection(_Section):
    """What the station is called and where it keeps its data."""

    name: str = Field("Line 1", description="Name of the line, printed on certificates.")
    folder: Path = Field(Path("station"), description="Folder for database, journal, blobs and reports.")
    language: Literal["zh", "en", "both"] = Field("both", description="Language of certificates.")


class SpectrometerSection(_Section):
    """The spectrometer on its serial port."""

    driver: SpectrometerKind = Field(
        "nirscan-nano", description='Which spectrometer it is: "nirscan-nano", "nirone" or "ocean".'
    )
    port: str = Field(
        description="Device path (/dev/serial/by-id/...; with * the unit is looked for at each match) "
        "or a URL of a device server (socket://host:port, rfc2217://host:port)."
    )
    serial: str = Field("", description="Serial number of the unit that belongs here; any unit if not given.")
    baud: int = Field(115200, gt=0, description="Bits per second of the serial line.")
    scans_averaged: int | None = Field(
        None, ge=1, le=9999, description="Scans that are averaged; the driver's choice if not given."
    )
    rtscts: bool = Field(False, description="Whether RTS and CTS are wired and used for flow control.")
    config_index: int | None = Field(
        None,
        ge=0,
        le=255,
        description="Stored scan configuration of a nirscan-nano; its active one if not given.",
    )
    pga_gain: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Fixed gain of a nirscan-nano, 1 to 64; chosen for each scan if not given.",
    )
    lamp_stays_on: bool = Field(
        False, description="Keep the lamp of a nirscan-nano on between scans: steadier, shorter-lived."
    )
    integration_time_ms: float | None = Field(
        None, gt=0, description="How long an ocean spectrometer collects light, ms; 100 if not given."
    )
    longest_scan_s: float = Field(60.0, gt=0, description="Give up a scan that takes longer, seconds.")

    @model_validator(mode="after")
    def _settings_of_the_driver(self) -> "SpectrometerSection":
        if self.integration_time_ms is not None and self.driver != "ocean":
            raise ValueError(f'integration_time_ms: expected only with driver = "ocean", not "{self.driver}"')
        if self.pga_gain is not None and self.pga_gain.bit_count() != 1:
            raise ValueError(f"pga_gain: {self.pga_gain}; expected 1, 2, 4, 8, 16, 32 or 64")
        of_a_nano = self.model_fields_set & {"config_index", "pga_gain", "lamp_stays_on"}
        if of_a_nano and self.driver != "nirscan-nano":
            key = min(of_a_nano)
            raise ValueError(f'{key}: expected only with driver = "nirscan-nano", not "{self.driver}"')
        return self


class CameraSection(_Section):
    """The microscope camera: a V4L2 device, an HTTP-MJPEG stream or a folder of images."""

    device: str | None = Field(None, description="A camera on this computer, by its name in /dev/v4l/by-id.")
    url: str | None = Field(None, description="Address of an HTTP-MJPEG stream (http://host:port/path).")
    folder: Path | None = Field(None, description="Folder of images, one taken for each inspection.")
    um_per_pixel: float | None = Field(
        None, gt=0, description="Size of a pixel, µm; if not given, as calibrate camera-scale measured it."
    )
    width_px: int = Field(1280, gt=0, description="Width of the frames to ask a device for.")
    height_px: int = Field(960, gt=0, description="Height of the frames to ask a device for.")
    exposure_ms: float | None = Field(
        None, gt=0, description="Exposure of a device, ms; if not given, its present one, locked."
    )
    gain: float | None = Field(None, description="Gain of a device in its own units; if not given, locked.")
    white_balance_k: float | None = Field(
        None, gt=0, description="White balance of a device, kelvin; if not given, locked."
    )
    focus: float | None = Field(
        None, ge=0, description="Focus of a device in its own units; if not given, locked."
    )

    @model_validator(mode="after")
    def _one_source(self) -> "CameraSection":
        if sum(source is not None for source in (self.device, self.url, self.folder)) != 1:
            raise ValueError("expected one of device, url and folder")
        if self.device is None and self.model_fields_set & _OF_A_DEVICE:
            key = min(self.model_fields_set & _OF_A_DEVICE)
            raise ValueError(f"{key}: expected only with camera.device")
        return self


class EmulatedLineSection(_Section):
    """A line without hardware: emulated instruments in front of which the virtual mill's cloth moves."""

    spectrometer: SpectrometerKind = Field(
        "nirscan-nano", description='Which spectrometer is emulated: "nirscan-nano", "nirone" or "ocean".'
    )
    specimens: int = Field(48, gt=0, description="Specimens on the emulated roll; after the last, the first.")
    seed: int = Field(1, ge=0, description="Seed of the virtual mill.")
    scan_time_s: float = Field(0.5, ge=0, description="How long the emulated spectrometer scans, seconds.")


class LineSection(_Section):
    """When to inspect, and what lies there as far as no PLC or scanner says so."""

    trigger: Literal["timer", "plc", "scanner", "presence"] = Field(
        "timer", description="What says when to inspect: timer, plc, scanner, or presence (by the spectrum)."
    )
    interval_s: float = Field(
        5.0,
        gt=0,
        description="Seconds between inspections, looks for presence, or measurements while a PLC is silent.",
    )
    lot: str = Field("", description="Lot of the fabric on the line.")
    roll: str = Field("", description="Roll of the fabric on the line.")
    label: str = Field("", description='Declared label, such as "cotton 60 polyester 40".')

    @field_validator("label")
    @classmethod
    def _readable(cls, text: str) -> str:
        if text:
            try:
                parse_label(text)
            except LabelError as error:
                raise ValueError(str(error)) from error
        return text


class PlcSection(_Section):
    """The PLC that announces specimens over Modbus TCP and hears the verdicts."""

    host: str = Field(description="Address of the PLC, a Modbus TCP server.")
    port: int = Field(502, gt=0, le=65535, description="Its TCP port.")
    device_id: int = Field(1, ge=0, le=255, description="Its Modbus unit.")
    lot_and_label: bool = Field(
        False, description="Whether it keeps lot and label in registers 30 to 69; else those of [line] apply."
    )
    when_silent: Literal["measure", "wait"] = Field(
        "measure", description="While the PLC is silent: measure unassigned specimens, or wait."
    )


class ScannerSection(_Section):
    """The barcode scanner that says what lies there, and with trigger = "scanner" also when."""

    port: str = Field(description="Device path or URL, as spectrometer.port; the scanner in its serial mode.")
    baud: int = Field(9600, gt=0, description="Bits per second.")
    pattern: str = Field(
        ".+", description="What a whole code must match; its groups specimen, roll, lot say what is what."
    )
    check_digit: Literal["none", "mod10", "mod43"] = Field(
        "none", description="Check character at the end: none, mod10 (GS1) or mod43 (Code 39)."
    )
    debounce_s: float = Field(
        2.0, ge=0, description="The same code again within this time is dropped, seconds."
    )

    @field_validator("pattern")
    @classmethod
    def _usable(cls, text: str) -> str:
        try:
            groups = set(re.compile(text).groupindex)
        except re.error as error:
            raise ValueError(f"expected a regular expression: {error}") from error
        if not groups <= {"specimen", "roll", "lot"}:
            raise ValueError(f"expected groups named specimen, roll or lot, not {', '.join(sorted(groups))}")
        return text


class JudgementSection(_Section):
    """Model, rule and limits."""

    checkpoint: Path | None = Field(
        None, description="Model folder; the activated model if not given, else the released one."
    )
    runtime: Literal["onnx", "ascend_acl"] = Field(
        "onnx", description="What computes: onnx (this processor) or ascend_acl (model.om on an Ascend 310)."
    )
    rule: str = Field(
        "gb-t-29862-2013",
        validation_alias=AliasChoices("rule", "tolerance"),
        description="Rule of the judgement: gb-t-29862-2013, gb-t-29862-2013-fillings, eu-1007-2011, "
        "eu-1007-2011-carded, or the .toml file of a customer's rule (docs/judgement.md). "
        "`tolerance` is its older name.",
    )
    max_reference_age_min: float = Field(
        60.0,
        gt=0,
        description="A white tile reading older than this blocks results, minutes; at half of it one is due.",
    )
    max_filled_percent: float = Field(
        30.0, gt=0, le=100, description="Above this share of debris a micrograph is not measurable, percent."
    )

    @field_validator("rule")
    @classmethod
    def _known_rule(cls, name: str) -> str:
        try:
            rule_named(name)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return name


class CalibrationSection(_Section):
    """Tiles, standards and limits of calibration."""

    white_tile: Path | None = Field(
        None,
        description="Certificate of the white tile: CSV with wavelength_nm, reflectance; its name is the id.",
    )
    grey_tile: Path | None = Field(None, description="The same of the grey tile for checks.")
    wavelength_standard: Path | None = Field(
        None, description="Certified peaks of the wavelength standard: CSV with wavelength_nm."
    )
    temperature_change_c: float = Field(
        2.0, gt=0, description="A white reference is due after a change of temperature by this, °C."
    )
    lamp_change_percent: float = Field(
        1.0, gt=0, description="A white reference is due after a change of the lamp monitor by this, percent."
    )
    tile_limit_percent: float = Field(
        2.0, gt=0, description="Grey tile: further off is out of control at once, percent reflectance."
    )
    wavelength_limit_nm: float = Field(
        1.0, gt=0, description="Wavelength standard: a peak further off is out of control at once, nm."
    )
    check_every_h: float = Field(24.0, gt=0, description="How often checks and a dark scan are due, hours.")
    baseline_checks: int = Field(
        10, ge=5, description="So many checks in control make the limits of a control chart."
    )
    ewma_weight: float = Field(
        0.3, gt=0, le=1, description="Weight of the newest check in the moving average of a chart."
    )
    ewma_width: float = Field(
        3.0, gt=0, description="Half width of that average's limits, in its standard deviations."
    )
    transfer: Path | None = Field(
        None, description="File of `qc-daemon calibrate transfer`, applied to each spectrum before inference."
    )


class Config(BaseSettings):
    """A whole station. Environment variables QC_SECTION__KEY win over the file."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="QC_", env_nested_delimiter="__", toml_file=None
    )

    station: StationSection = StationSection()
    storage: StorageSection | None = None
    spectrometer: SpectrometerSection | None = None
    camera: CameraSection | None = None
    emulated_line: EmulatedLineSection | None = None
    line: LineSection = LineSection()
    plc: PlcSection | None = None
    scanner: ScannerSection | None = None
    judgement: JudgementSection = JudgementSection()
    sampling: SamplingSection = SamplingSection()
    calibration: CalibrationSection = CalibrationSection()
    retention: RetentionSection = RetentionSection()
    backup: BackupSection | None = None
    ledger: LedgerSection | None = None
    report: ReportSection = ReportSection()
    web: WebSection | None = None
    mqtt: MqttSection | None = None
    plant: PlantSection | None = None
    log: LogSection = LogSection()

    @model_validator(mode="after")
    def _instruments_named_once(self) -> "Config":
        if self.emulated_line is not None and (self.spectrometer or self.camera):
            raise ValueError("emulated_line: expected no [spectrometer] and no [camera] beside it")
        if self.emulated_line is None and self.spectrometer is None:
            raise ValueError(
                "spectrometer: expected a section [spectrometer] with a port, or [emulated_line]"
            )
        return self

    @model_validator(mode="after")
    def _backup_has_a_file(self) -> "Config":
        if self.backup is not None and self.storage is not None:
            raise ValueError("backup: expected no [backup] beside [storage]; take pg_dump: docs/operating.md")
        return self

    @model_validator(mode="after")
    def _trigger_has_its_device(self) -> "Config":
        trigger = self.line.trigger
        if trigger != "timer" and self.emulated_line is not None:
            raise ValueError(f'line.trigger: expected "timer" on an [emulated_line], not "{trigger}"')
        if (trigger == "plc") != (self.plc is not None):
            raise ValueError('line.trigger: expected "plc" together with a section [plc]')
        if trigger == "scanner" and self.scanner is None:
            raise ValueError('line.trigger: expected a section [scanner] with trigger = "scanner"')
        if self.scanner is not None and trigger not in ("scanner", "presence"):
            raise ValueError('line.trigger: expected "scanner" or "presence" together with [scanner]')
        return self


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    Raises:
        ConfigError: the file is missing, is not TOML, or a key is wrong.
    """
    text = _read_toml(path)

    class FileConfig(Config):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (the names are pydantic's)
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return env_settings, TomlConfigSettingsSource(settings_cls, toml_file=path)

    try:
        return FileConfig()
    except ValidationError as error:
        raise ConfigError(_one_line(path, text, error)) from error


def _read_toml(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected a readable TOML file ({error})") from error
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: expected TOML: {error}") from error
    return text


def _one_line(path: Path, text: str, error: ValidationError) -> str:
    first: Any = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    key = ".".join(location)
    line = _line_of(text, location)
    where = f"{path}, line {line}" if line else str(path)
    if first["type"] == "extra_forbidden":
        return f"{where}: {key}: unknown key; {_known_keys(location)}"
    expected = str(first["msg"]).removeprefix("Value error, ")
    return f"{where}: {key}: {expected}" if key else f"{where}: {expected}"


def _line_of(text: str, location: list[str]) -> int | None:
    """Return the line of a key in a TOML text; of its section if the key itself is not there."""
    wanted_section, key = (location[0], location[1]) if len(location) > 1 else ("", "".join(location))
    assignment = re.compile(rf"\s*{re.escape(key)}\s*=")
    section, section_line = "", None
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[([^\]]+)\]", line)
        if header:
            section = header[1].strip()
            if location and section == location[0]:
                section_line = number
        elif section == wanted_section and assignment.match(line):
            return number
    return section_line


def _known_keys(location: list[str]) -> str:
    fields = Config.model_fields
    known = sorted(fields)
    if len(location) > 1 and location[0] in fields:
        section = _section_type(fields[location[0]].annotation)
        known = sorted(section.model_fields)
    close = difflib.get_close_matches(location[-1], known, n=1)
    return f'did you mean "{close[0]}"?' if close else "expected one of " + ", ".join(known)


def _section_type(annotation: Any) -> type[BaseModel]:
    options = [annotation, *getattr(annotation, "__args__", ())]
    return next(option for option in options if isinstance(option, type) and issubclass(option, BaseModel))
