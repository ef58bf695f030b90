"""What a certificate says: pure values from the records of one inspection, ready for the layout."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from qc_daemon.domain.inspection import Acquisition, Conclusion
from qc_daemon.domain.ledger import LedgerHead
from qc_daemon.domain.surroundings import NOTHING_KNOWN, Surroundings
from qc_daemon.domain.verdict import Outcome
from reports.charts import SpectrumChart, spectrum_chart
from reports.fonts import printable
from reports.micrograph import Micrograph, draw_micrograph
from reports.page import CertificatePage, certificate_page
from reports.qr import qr_svg
from reports.record import certificate_record, measured_spectrum
from reports.roll_map import RollMap, roll_map
from reports.wording import LANGUAGES, Language

ReportLanguage = Literal["zh", "en", "both"]


@dataclass(frozen=True, slots=True)
class CertificateContent:
    """All of a certificate but its layout.

    Attributes:
        number: the station's number of the acquisition.
        qr, qr_text: the head of the ledger as SVG of a QR code and as text; "" without a ledger.
        pages: what is said, per language.
        record: the attached record, UTF-8 JSON.
    """

    number: int
    station_name: str
    outcome: Outcome
    concluded_at: datetime
    spectrum: SpectrumChart | None
    micrograph: Micrograph | None
    roll: RollMap | None
    qr: str
    qr_text: str
    pages: Mapping[Language, CertificatePage]
    record: bytes


def certificate_content(
    number: int,
    acquisition: Acquisition,
    conclusion: Conclusion,
    station_name: str,
    surroundings: Surroundings = NOTHING_KNOWN,
) -> CertificateContent:
    """Gather what the certificate of one inspection says, in every language."""
    composition, image = conclusion.composition, conclusion.cleaned
    evidence = composition.evidence if composition else None
    spectrum = measured_spectrum(acquisition)
    head = _ledger_text(number, surroundings.ledger) if surroundings.ledger else ""
    return CertificateContent(
        number=number,
        station_name=station_name,
        outcome=conclusion.verdict.outcome,
        concluded_at=conclusion.concluded_at,
        spectrum=spectrum_chart(spectrum, evidence) if spectrum else None,
        micrograph=draw_micrograph(image, evidence, conclusion.defects) if image else None,
        roll=roll_map(surroundings.positions, number),
        qr=qr_svg(head) if head else "",
        qr_text=head,
        pages={
            language: certificate_page(
                acquisition, conclusion, spectrum, surroundings, station_name, language
            )
            for language in LANGUAGES
        },
        record=certificate_record(number, acquisition, conclusion, surroundings, station_name),
    )


def _ledger_text(number: int, head: LedgerHead) -> str:
    """Return what the QR code says; upper case makes a smaller code."""
    return f"QC {number} LEDGER {head.sequence} {head.sha256}".upper()


def layout_json(content: CertificateContent, language: ReportLanguage) -> str:
    """Return what the template reads; "both" gives a Chinese page and then an English one."""
    languages = LANGUAGES if language == "both" else (language,)
    return json.dumps(
        {
            "subject": str(content.number),
            "station": printable(content.station_name),
            "outcome": content.outcome.value,
            "spectrum": asdict(content.spectrum) if content.spectrum else None,
            "micrograph": _picture(content.micrograph) if content.micrograph else None,
            "roll": asdict(content.roll) if content.roll else None,
            "qr": content.qr,
            "qr_text": content.qr_text,
            "pages": [printable_tree(asdict(content.pages[spoken])) for spoken in languages],
        },
        ensure_ascii=False,
    )


def _picture(micrograph: Micrograph) -> Mapping[str, Any]:
    """Return the micrograph with its JPEG inside an SVG.

    Inputs of a template are text, and it reads base64 in an SVG much faster than a list of bytes. The
    PDF holds the JPEG as it is.
    """
    height = round(100 * micrograph.aspect, 3)
    jpeg = b64encode(micrograph.jpeg).decode()
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 {height}">'
        f'<image width="100" height="{height}" preserveAspectRatio="none" '
        f'href="data:image/jpeg;base64,{jpeg}"/></svg>'
    )
    return {
        "svg": svg,
        "aspect": micrograph.aspect,
        "scale_bar": asdict(micrograph.scale_bar),
        "boxes": [asdict(box) for box in micrograph.boxes],
        "regions": [asdict(region) for region in micrograph.regions],
    }


def printable_tree(value: Any) -> Any:
    """Return a tree of JSON values with every text made printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {key: printable_tree(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [printable_tree(inner) for inner in value]
    return value
