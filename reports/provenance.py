"""Where a result comes from: identity, instruments, references, models, rule and hashes, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from qc_daemon.domain.inspection import Acquisition, Conclusion
from qc_daemon.domain.rules import Tolerance
from qc_daemon.domain.spectrum import InstrumentIdentity, Scan, WhiteReference
from qc_daemon.domain.surroundings import Surroundings
from reports import provenance_wording as wording
from reports.record import sha256
from reports.wording import COMMA, SEMICOLON, Language, term

_NOTHING = "—"
_DIGEST_LETTERS = 12  # of a model's digest; the attached record has all of it


@dataclass(frozen=True, slots=True)
class Fact:
    """A named value; `code` asks for a monospaced font."""

    name: str
    value: str
    code: bool = False


def identity_facts(
    acquisition: Acquisition, conclusion: Conclusion, station_name: str, language: Language
) -> Iterator[Fact]:
    """Yield what was inspected, where and when; lot, roll and label are as the customer gave them."""
    specimen = acquisition.specimen
    yield _fact("specimen_id", specimen.id, language)
    yield _fact("lot", specimen.lot, language)
    yield _fact("roll", specimen.roll, language)
    yield _fact("position", f"{specimen.position_m:.2f} m", language)
    label = specimen.label.text if specimen.label else wording.NO_LABEL.of(language)
    yield _fact("label", label, language)
    yield _fact("station", station_name, language)
    yield _fact("measured_at", utc(acquisition.triggered_at), language)
    yield _fact("concluded_at", utc(conclusion.concluded_at), language)


def instrument_facts(
    acquisition: Acquisition, surroundings: Surroundings, language: Language
) -> Iterator[Fact]:
    """Yield the instruments as they were during the measurement, reference and checks of the spectrometer."""
    scan = acquisition.scan
    yield _fact("spectrometer", _instrument(acquisition.spectrometer, language), language)
    yield _fact("settings", _settings(scan, language), language)
    yield _fact("conditions", _conditions(scan, language), language)
    yield _fact("white", _white(acquisition.white, acquisition.triggered_at, language), language)
    yield _fact("checks", _checks(surroundings, acquisition.triggered_at, language), language)
    yield _fact("camera", _camera(acquisition, surroundings, language), language)


def rule_facts(conclusion: Conclusion, language: Language) -> Iterator[Fact]:
    """Yield the method, the rule, the models and the software that made the conclusion."""
    yield _fact("method", wording.METHOD.of(language), language)
    yield _fact("rule", rule_text(conclusion.tolerance, language), language)
    yield _fact("guard_band", wording.GUARD_BAND.of(language), language)
    for model in conclusion.models:
        role = wording.MODEL.of(language).format(role=term(model.role, language))
        yield Fact(role, f"{model.name} · {model.digest[:_DIGEST_LETTERS]}")
    yield _fact("software", conclusion.software_version, language)


def identifier_facts(
    acquisition: Acquisition, conclusion: Conclusion, surroundings: Surroundings, language: Language
) -> Iterator[Fact]:
    """Yield the identifiers of the stored records, and of the conclusion that this one replaces."""
    yield _fact("acquisition", acquisition.id, language, code=True)
    yield _fact("conclusion", conclusion.id, language, code=True)
    if acquisition.white is not None:
        yield _fact("white_id", acquisition.white.id, language, code=True)
    if surroundings.replaces:
        yield _fact("replaces", surroundings.replaces, language, code=True)


def hash_facts(acquisition: Acquisition, surroundings: Surroundings, language: Language) -> Iterator[Fact]:
    """Yield the SHA-256 of the bytes that the instruments sent, and of the head of the ledger."""
    yield _fact("scan_sha256", sha256(acquisition.scan.raw), language, code=True)
    if acquisition.frame is not None:
        yield _fact("image_sha256", sha256(acquisition.frame.encoded), language, code=True)
    elif surroundings.retired_image is not None:
        yield _fact("image_sha256", surroundings.retired_image.sha256, language, code=True)
    if acquisition.white is not None:
        yield _fact("white_sha256", sha256(acquisition.white.scan.raw), language, code=True)
    if surroundings.ledger is not None:
        name = wording.LEDGER.of(language).format(sequence=surroundings.ledger.sequence)
        yield Fact(name, surroundings.ledger.sha256, code=True)


def signature_lines(surroundings: Surroundings, language: Language) -> Iterator[str]:
    """Yield who signed the conclusion; a line to sign on if nobody did."""
    if not surroundings.signatures:
        yield wording.UNSIGNED.of(language)
    for signature in surroundings.signatures:
        yield wording.SIGNED.of(language).format(
            who=signature.who, meaning=term(signature.meaning, language), at=utc(signature.signed_at)
        )


def rule_text(tolerance: Tolerance, language: Language) -> str:
    """Return where a rule comes from, its version and what it allows."""
    same = tolerance.name in tolerance.clause
    source = tolerance.clause if same else f"{tolerance.name}, {tolerance.clause}"
    minor = tolerance.minor_component_percent > 0.0
    allowed = (wording.ALLOWED_WITH_MINOR if minor else wording.ALLOWED).of(language)
    return wording.RULE.of(language).format(
        source=source,
        version=tolerance.version,
        allowed=allowed.format(
            max=tolerance.max_deviation_pp,
            minor_at=tolerance.minor_component_percent,
            minor=tolerance.minor_deviation_pp,
        ),
    )


def utc(moment: datetime) -> str:
    """Return an aware time as people read it: UTC to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _fact(key: str, value: str, language: Language, *, code: bool = False) -> Fact:
    return Fact(wording.FACTS[key].of(language), value or _NOTHING, code)


def _instrument(identity: InstrumentIdentity, language: Language) -> str:
    return wording.INSTRUMENT.of(language).format(
        kind=identity.kind,
        model=identity.model,
        serial=identity.serial or _NOTHING,
        firmware=identity.firmware or _NOTHING,
    )


def _settings(scan: Scan, language: Language) -> str:
    settings = scan.settings
    return wording.SETTINGS.of(language).format(
        config=settings.config_name, scans=settings.scans_averaged, gain=settings.pga_gain
    )


def _conditions(scan: Scan, language: Language) -> str:
    measured = [
        words.of(language).format(value=value)
        for name, words in wording.CONDITIONS.items()
        if (value := getattr(scan.conditions, name)) is not None
    ]
    return COMMA.of(language).join(measured)


def _white(white: WhiteReference | None, measured_at: datetime, language: Language) -> str:
    if white is None:
        return wording.NO_WHITE.of(language)
    words = wording.WHITE_FACTORY if white.source == "factory" else wording.WHITE_TILE
    age_min = (measured_at - white.taken_at).total_seconds() / 60.0
    return words.of(language).format(source=term(white.source, language), tile=white.tile_id, age=age_min)


def _checks(surroundings: Surroundings, measured_at: datetime, language: Language) -> str:
    if not surroundings.checks:
        return wording.NEVER_CHECKED.of(language)
    states = (
        (wording.IN_CONTROL if check.in_control else wording.OUT_OF_CONTROL)
        .of(language)
        .format(
            check=term(f"{check.kind.value} check", language),
            age=(measured_at - check.done_at).total_seconds() / 3600.0,
        )
        for check in surroundings.checks
    )
    return SEMICOLON.of(language).join(states)


def _camera(acquisition: Acquisition, surroundings: Surroundings, language: Language) -> str:
    frame = acquisition.frame
    if frame is None and surroundings.retired_image is not None:
        return wording.IMAGE_GONE.of(language)
    if frame is None:
        words = wording.NO_IMAGE if acquisition.camera_expected else wording.NO_CAMERA
        return words.of(language)
    height, width = frame.pixels.shape[:2]
    return wording.CAMERA.of(language).format(
        instrument=_instrument(frame.camera, language), width=width, height=height, scale=frame.um_per_pixel
    )
