"""Pictures of a stage micrometer with known scale: 10 µm divisions, longer lines at every fifth and tenth."""

import cv2
import numpy as np

_OVERSAMPLED = 4


def render_micrometer(um_per_pixel, turned_degrees, blur_px, noise, grid=False, band=True, size=(480, 640)):
    """Return (height, width) grey levels.

    Args:
        um_per_pixel: scale.
        turned_degrees: how the micrometer lies.
        blur_px: of the lens.
        noise: standard deviation of the sensor's, grey levels.
        grid: lines along both axes, over the whole field.
        band: the lines are a ruler across the middle of the field, not as long as the field is high.
        size: height and width.
    """
    height, width = size
    fine_y, fine_x = np.mgrid[0 : height * _OVERSAMPLED, 0 : width * _OVERSAMPLED] / _OVERSAMPLED
    turn = np.radians(turned_degrees)
    x_um = um_per_pixel * (np.cos(turn) * (fine_x - width / 2) + np.sin(turn) * (fine_y - height / 2))
    y_um = um_per_pixel * (np.cos(turn) * (fine_y - height / 2) - np.sin(turn) * (fine_x - width / 2))
    ink = _lines(x_um)
    if grid:
        ink = np.maximum(ink, _lines(y_um))
    elif band:
        number = np.rint(x_um / 10.0)
        half_um = (
            np.where(number % 10 == 0, 0.30, np.where(number % 5 == 0, 0.26, 0.20)) * height * um_per_pixel
        )
        ink = ink * (np.abs(y_um) < half_um)
    grey = 200.0 - 150.0 * cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(grey, (0, 0), blur_px)
    grey += np.random.default_rng(7).normal(0.0, noise, grey.shape)
    return np.clip(np.rint(grey), 0, 255)


def _lines(position_um):
    """Lines 2.5 µm wide."""
    return (np.abs((position_um + 5.0) % 10.0 - 5.0) < 1.25).astype(np.float64)
