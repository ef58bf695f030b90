"""Commands of calibration for the camera: calibrate camera-flat, camera-scale."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from qc_daemon.clock import SystemClock
from qc_daemon.commands.output import print_json, say
from qc_daemon.config import DEFAULT_FILE, CameraSection, Config, load_config
from qc_daemon.domain.errors import ConfigError, DeviceFault, InputError
from qc_daemon.domain.flat_field import MIN_FRAMES, flat_field_of
from qc_daemon.domain.focus import grey_levels
from qc_daemon.domain.image import Frame
from qc_daemon.domain.pixel_scale import find_line_spacings, scale_of
from qc_daemon.domain.ports import MicroscopeCamera
from qc_daemon.wiring import cameras as wiring

ConfigOption = Annotated[Path, typer.Option("--config", help="Configuration file of the station.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def register(calibrate: typer.Typer) -> None:
    """Add the commands to the group `calibrate`."""
    for name, command in (("camera-flat", camera_flat), ("camera-scale", camera_scale)):
        calibrate.command(name)(command)


def camera_flat(
    frames: Annotated[int, typer.Option(min=MIN_FRAMES, help="White frames to average.")] = 32,
    dark: Annotated[bool, typer.Option("--dark", help="Take frames without light, too; asks twice.")] = False,
    config: ConfigOption = DEFAULT_FILE,
    as_json: JsonOption = False,
) -> None:
    """Take a flat field: show the camera an even white view, out of focus; the station must not run."""
    settings, section = _with_camera(config)
    with wiring.bare_camera(section) as camera:
        unlit = _asked_for(camera, frames, "Take the light away, then press Enter") if dark else []
        white = _asked_for(camera, frames, "Light on, white view, out of focus: press Enter" if dark else "")
        flat = flat_field_of(white, unlit)
    path = wiring.store_flat_field(settings, flat)
    height, width, _ = flat.white.shape
    light = (flat.white - flat.dark).mean(axis=2)
    spread_percent = 100.0 * float(np.ptp(np.percentile(light, [1, 99])) / light.mean())
    if as_json:
        print_json(
            {
                "file": str(path), "sha256": flat.sha256, "camera": flat.camera.serial,
                "settings": flat.camera.firmware, "width_px": width, "height_px": height,
                "frames": flat.frames, "dark_frames": len(unlit), "unevenness_percent": spread_percent,
                "taken_at": flat.taken_at.isoformat(),
            }
        )  # fmt: skip
    else:
        typer.echo(
            f"{path}: {flat.frames} frames of {width} x {height} px; "
            f"the light differs by {spread_percent:.1f} %"
        )


def camera_scale(
    division_um: Annotated[float, typer.Option(min=0.1, help="Distance of two lines, µm.")] = 10.0,
    turn: Annotated[
        bool, typer.Option("--turn", help="Measure along the other axis, too: asks to turn the micrometer.")
    ] = False,
    config: ConfigOption = DEFAULT_FILE,
    as_json: JsonOption = False,
) -> None:
    """Measure the size of a pixel: put a stage micrometer under the camera; the station must not run."""
    settings, section = _with_camera(config)
    with wiring.bare_camera(section) as camera:
        frames = _asked_for(camera, 1, "")
        if turn:
            frames += _asked_for(camera, 1, "Turn the micrometer by 90 degrees, then press Enter")
    spacings = [spacing for frame in frames for spacing in find_line_spacings(grey_levels(frame.pixels))]
    scale = scale_of(frames, spacings, division_um)
    path = wiring.store_scale(settings, scale)
    if section.um_per_pixel is not None:
        say(f"{config}: camera.um_per_pixel is {section.um_per_pixel:g} and wins; delete the key to use this")
    if as_json:
        print_json({"file": str(path), **asdict(scale), "taken_at": scale.taken_at.isoformat()})
        return
    turned = ", ".join(f"{one.axis}: {one.lines:.0f} lines, {one.turned_degrees:+.1f}°" for one in spacings)
    typer.echo(
        f"{path}: {scale.um_per_pixel:.4f} ± {scale.uncertainty_um:.4f} µm per pixel "
        f"at {scale.width_px} x {scale.height_px} px ({turned})"
    )


def _with_camera(path: Path) -> tuple[Config, CameraSection]:
    settings = load_config(path)
    if settings.camera is None:
        raise ConfigError(f"{path}: expected a section [camera]")
    return settings, settings.camera


def _asked_for(camera: MicroscopeCamera, count: int, request: str) -> list[Frame]:
    """Ask for something to be done, if there is a request, and take frames after that."""
    if request:
        say(request)
        if not sys.stdin.readline():
            raise InputError(f'expected Enter after "{request}"; the input has ended')
    clock = SystemClock()
    frames = [camera.frame_after(clock.monotonic_s()) for _ in range(count)]
    if any(frame.repeats for frame in frames):
        raise DeviceFault(f"{camera.identity.serial}: the camera is frozen: it repeats its pictures")
    return frames
