"""The certificate of one inspection as a PDF."""

from pathlib import Path

from reports.content import CertificateContent, ReportLanguage, layout_json
from reports.record import ATTACHMENT_NAME
from reports.seal import PLACEHOLDER
from reports.typesetting import SHIPPED_TEMPLATES, Sheet, typeset


def render_certificate(
    content: CertificateContent, language: ReportLanguage, templates: Path = SHIPPED_TEMPLATES
) -> bytes:
    """Return the PDF/A-3b bytes of a certificate; the same content always gives the same bytes.

    Raises:
        ReportFailed: the layout engine refused.
    """
    return typeset(certificate_sheet(content, language, templates))


def certificate_sheet(
    content: CertificateContent, language: ReportLanguage, templates: Path = SHIPPED_TEMPLATES
) -> Sheet:
    """Return what the template in the folder `templates` needs to lay a certificate out."""
    return Sheet(
        template=templates / "certificate.typ",
        inputs={
            "content": layout_json(content, language),
            "record": content.record.decode(),
            "record_name": ATTACHMENT_NAME,
            "seal": PLACEHOLDER,
        },
        dated=content.concluded_at,
    )
