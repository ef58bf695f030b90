"""A QR code for what a reader may want to compare with the station by a scanner."""

import io

import segno


def qr_svg(text: str) -> str:
    """Return a QR code as SVG without a quiet zone; a seventh of it may be damaged (level M)."""
    buffer = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        buffer, kind="svg", border=0, xmldecl=False, svgns=True, nl=False
    )
    return buffer.getvalue().decode()
