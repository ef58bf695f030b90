"""What the configuration says of calibration, as records.

Heavy packages are imported where they are used, so that a command starts at once.
"""

import time
from collections.abc import Callable
from pathlib import Path

from qc_daemon.config import CalibrationSection, Config
from qc_daemon.domain.calibration import WavelengthStandard
from qc_daemon.domain.control_charts import ChartRules
from qc_daemon.domain.errors import ConfigError
from qc_daemon.domain.ports import Line
from qc_daemon.domain.reference_validity import ReferenceLimits
from qc_daemon.domain.spectrum import ReflectanceTile
from qc_daemon.domain.transfer import Transfer

# What a steady instrument cannot be told to be better than: a digit of a tile's certificate, and what the
# bands of rare-earth glass move with one °C.
_LEAST_TILE_SIGMA = 0.0005
_LEAST_WAVELENGTH_SIGMA_NM = 0.02
# A running station is asked for a white reading for so long: it looks every ten seconds at the latest.
TILE_REQUEST_S = 60.0


def reference_limits(config: Config) -> ReferenceLimits:
    """Return the limits of a white reference."""
    return ReferenceLimits(
        max_age_s=60.0 * config.judgement.max_reference_age_min,
        temperature_change_c=config.calibration.temperature_change_c,
        lamp_change_percent=config.calibration.lamp_change_percent,
    )


def tile_rules(config: Config) -> ChartRules:
    """Return how the charts of the grey tile are read."""
    return _chart_rules(config, config.calibration.tile_limit_percent / 100.0, _LEAST_TILE_SIGMA)


def wavelength_rules(config: Config) -> ChartRules:
    """Return how the charts of the wavelength standard are read."""
    return _chart_rules(config, config.calibration.wavelength_limit_nm, _LEAST_WAVELENGTH_SIGMA_NM)


def white_tile(config: Config) -> ReflectanceTile:
    """Return the station's white tile; raises ConfigError if none is named, or its file is wrong."""
    return _tile(config.calibration.white_tile, "white_tile")


def tile_request_file(folder: Path) -> Path:
    """Return the file by which a person tells a running station that the white tile lies there."""
    return folder / "white-tile.request"


def tile_on_request(config: Config, line: Line) -> Callable[[], ReflectanceTile | None]:
    """Return what gives the white tile once after a person asked for it, else None."""
    file = tile_request_file(config.station.folder)

    def requested() -> ReflectanceTile | None:
        try:
            age_s = time.time() - file.stat().st_mtime
            file.unlink()
        except FileNotFoundError:
            return None
        if age_s > TILE_REQUEST_S:  # of before a restart: what lies there by now is not known
            return None
        return line.show_white_tile() or white_tile(config)

    return requested


def grey_tile(config: Config) -> ReflectanceTile:
    """Return the station's grey tile; raises ConfigError as `white_tile` does."""
    return _tile(config.calibration.grey_tile, "grey_tile")


def wavelength_standard(config: Config) -> WavelengthStandard:
    """Return the station's wavelength standard; raises ConfigError as `white_tile` does."""
    from instruments.calibration_files import read_wavelength_standard

    path = config.calibration.wavelength_standard
    if path is None:
        raise ConfigError(
            "calibration.wavelength_standard: none; expected a CSV file with its certified peaks"
        )
    return read_wavelength_standard(path)


def configured_transfer(config: Config) -> Transfer | None:
    """Return the transfer to apply before inference, if the station has one."""
    from models.transfer_file import read_transfer

    path = config.calibration.transfer
    return None if path is None else read_transfer(path)


def calibration_files(section: CalibrationSection) -> list[Path]:
    """Return the files that a configuration names for calibration."""
    named = (section.white_tile, section.grey_tile, section.wavelength_standard, section.transfer)
    return [path for path in named if path is not None]


def look_at_calibration(config: Config) -> str:
    """Read every file that the configuration names for calibration; return what they are, in one line."""
    section = config.calibration
    found = []
    if section.white_tile is not None:
        found.append(f"white tile {white_tile(config).id}")
    if section.grey_tile is not None:
        found.append(f"grey tile {grey_tile(config).id}")
    if section.wavelength_standard is not None:
        standard = wavelength_standard(config)
        found.append(f"wavelength standard {standard.id} with {len(standard.peaks_nm)} peaks")
    transfer = configured_transfer(config)
    if transfer is not None:
        found.append(
            f"transfer of {transfer.source_serial} to {transfer.target_serial}, {transfer.digest[:12]}"
        )
    return "; ".join(found)


def _tile(path: Path | None, key: str) -> ReflectanceTile:
    from instruments.calibration_files import read_tile

    if path is None:
        raise ConfigError(f"calibration.{key}: none; expected a CSV file with the certificate of the tile")
    return read_tile(path)


def _chart_rules(config: Config, action_limit: float, least_sigma: float) -> ChartRules:
    section = config.calibration
    return ChartRules(
        action_limit=action_limit,
        least_sigma=least_sigma,
        baseline_runs=section.baseline_checks,
        ewma_weight=section.ewma_weight,
        ewma_width=section.ewma_width,
    )
