"""When a white reference is taken, and from what."""

from collections.abc import Callable

from qc_daemon.domain.ports import Clock, InspectionStore, Line, NirSpectrometer
from qc_daemon.domain.spectrum import WhiteReference, WhiteTile


def renew_reference(
    spectrometer: NirSpectrometer,
    line: Line,
    store: InspectionStore,
    clock: Clock,
    new_id: Callable[[], str],
    renew_after_s: float,
) -> WhiteReference | None:
    """Take a white reference if the instrument has none or the last tile reading is `renew_after_s` old.

    A line that cannot show a tile is served by the factory reference that the instrument keeps.

    Returns:
        the reference that was taken and stored; None if the current one still serves, or if there is
        neither a tile nor a factory reference (then a gate says so and the verdict is REFER).
    """
    current = store.current_reference(spectrometer.identity.serial)
    if current is not None:
        age_s = (clock.now() - current.taken_at).total_seconds()
        if current.source == "factory" or 0.0 <= age_s < renew_after_s:
            return None
    tile = line.show_white_tile()
    if tile is None:
        return take_factory_reference(spectrometer, store, clock, new_id)
    return _take_tile_reference(spectrometer, tile, store, clock, new_id)


def take_factory_reference(
    spectrometer: NirSpectrometer, store: InspectionStore, clock: Clock, new_id: Callable[[], str]
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


def _take_tile_reference(
    spectrometer: NirSpectrometer,
    tile: WhiteTile,
    store: InspectionStore,
    clock: Clock,
    new_id: Callable[[], str],
) -> WhiteReference:
    scan = spectrometer.measure()
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
