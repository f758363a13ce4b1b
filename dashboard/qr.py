"""A QR code as a picture that is drawn here."""

from __future__ import annotations

import io

import segno

QUIET_ZONE = 4
"""Light modules around the code, as ISO/IEC 18004 asks for: a phone finds the code on a dark page too."""


def qr_svg(text: str) -> str:
    """``text`` as a QR code, SVG, dark on light whatever the theme."""
    picture = io.BytesIO()
    # Error correction L: a screen does not get dirty, and larger modules are read from further away.
    code = segno.make(text, error="l", boost_error=False, micro=False)
    code.save(picture, kind="svg", scale=4, border=QUIET_ZONE, dark="#000", light="#fff", xmldecl=False)
    return picture.getvalue().decode()
