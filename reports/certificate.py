"""The certificate of one inspection as a PDF."""

from reports.content import CertificateContent, ReportLanguage, layout_json
from reports.record import ATTACHMENT_NAME
from reports.typesetting import Sheet, typeset


def render_certificate(content: CertificateContent, language: ReportLanguage) -> bytes:
    """Return the PDF/A-3b bytes of a certificate; the same content always gives the same bytes.

    Raises:
        ReportFailed: the layout engine refused.
    """
    return typeset(certificate_sheet(content, language))


def certificate_sheet(content: CertificateContent, language: ReportLanguage) -> Sheet:
    """Return what the template needs to lay a certificate out."""
    return Sheet(
        inputs={
            "content": layout_json(content, language),
            "record": content.record.decode(),
            "record_name": ATTACHMENT_NAME,
        },
        dated=content.concluded_at,
    )
