"""When a white reference is taken, and from what."""

from collections.abc import Callable

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.ports import Clock, Line, NirSpectrometer, ReferenceStore
from qc_daemon.domain.reference_validity import ReferenceLimits, Standing, reference_validity
from qc_daemon.domain.spectrum import ReflectanceTile, Scan, WhiteReference


def renew_reference(
    spectrometer: NirSpectrometer,
    line: Line,
    store: ReferenceStore,
    clock: Clock,
    new_id: Callable[[], str],
    limits: ReferenceLimits,
    last_scan: Scan | None,
) -> WhiteReference | None:
    """Take a white reference if there is none, or if the line has a tile and the last reading is due.

    A line that cannot show a tile begins with the factory reference that the instrument keeps. A tile
    reading that is due stays until a person takes another: it is warned of, then it blocks.

    `last_scan` is the newest one, which says how warm the instrument is now; None if there is none yet.

    Returns:
        the reference that was taken and stored; None if the current one still serves, or if there is
        neither a tile nor a factory reference (then a gate says so and the verdict is REFER).
    """
    instrument, now = spectrometer.identity, clock.now()
    current = store.current_reference(instrument.serial)
    standing = store.calibration_standing(instrument.serial, now)
    validity = reference_validity(current, last_scan, instrument, now, standing.reconnected_at, limits)
    if validity.standing is Standing.VALID:
        return None
    tile = line.show_white_tile()
    if tile is not None:
        return take_tile_reference(spectrometer, tile, store, clock, new_id)
    if current is None:
        return take_factory_reference(spectrometer, store, clock, new_id)
    return None


def take_factory_reference(
    spectrometer: NirSpectrometer, store: ReferenceStore, clock: Clock, new_id: Callable[[], str]
) -> WhiteReference | None:
    """Read the maker's white reference out of the instrument and store it; None if it holds none."""
    scan = spectrometer.factory_reference()
    if scan is None:
        return None
    reference = WhiteReference(
        id=new_id(),
        source="factory",
        tile_id="factory",
        scan=scan,
        tile_reflectance=scan.wavelength_nm * 0.0 + 1.0,
        instrument=spectrometer.identity,
        taken_at=clock.now(),
    )
    store.add_reference(reference)
    return reference


def take_tile_reference(
    spectrometer: NirSpectrometer,
    tile: ReflectanceTile,
    store: ReferenceStore,
    clock: Clock,
    new_id: Callable[[], str],
) -> WhiteReference:
    """Measure the white tile that lies in front of the spectrometer and store the reading.

    Raises:
        InputError: the tile's certificate does not cover the range of the spectrometer.
    """
    scan = spectrometer.measure()
    axis_nm = scan.wavelength_nm
    if not tile.wavelength_nm[0] <= axis_nm[0] < axis_nm[-1] <= tile.wavelength_nm[-1]:
        raise InputError(
            f"the certificate of {tile.id} covers {tile.wavelength_nm[0]:g} to {tile.wavelength_nm[-1]:g} "
            f"nm; expected at least the range of the spectrometer, {axis_nm[0]:.1f} to {axis_nm[-1]:.1f} nm"
        )
    reference = WhiteReference(
        id=new_id(),
        source="tile",
        tile_id=tile.id,
        scan=scan,
        tile_reflectance=tile.reflectance_at(scan.wavelength_nm),
        instrument=spectrometer.identity,
        taken_at=clock.now(),
    )
    store.add_reference(reference)
    return reference
