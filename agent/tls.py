"""Whom a connection trusts, the authorities of this system or of one file, and what to say of a certificate."""

from __future__ import annotations

import ssl
from pathlib import Path

from agent.errors import ConfigError

# What OpenSSL's verification says, by number (openssl/x509_vfy.h).
NOT_YET_VALID, EXPIRED, OTHER_NAME, OTHER_ADDRESS = 9, 10, 62, 64

USE_CA = "For an authority of your own, name its file: --ca FILE, or STEPFARM_CA."


def checked_ca(path: str) -> str:
    """``path``, whole, a file with certificates of authorities.

    Raises:
        ConfigError: it is none.
    """
    whole = Path(path).expanduser().absolute()
    try:
        ssl.create_default_context(cafile=str(whole))
    except OSError as error:  # ssl.SSLError is one
        why = "holds no certificate" if isinstance(error, ssl.SSLError) else f"cannot be read: {error.strerror}"
        raise ConfigError(f"{whole} {why}.", "--ca and STEPFARM_CA want the PEM file of an authority.") from None
    return str(whole)


def complaint_about(error: BaseException) -> tuple[str, str]:
    """What is wrong with the certificate or the TLS that ``error`` is about, and what to do."""
    cause = next((one for one in (*error.args, error) if isinstance(one, ssl.SSLError)), None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        if cause.verify_code in (OTHER_NAME, OTHER_ADDRESS):
            return (
                "its certificate is for another name",
                "Use the address that the certificate is for, or give the server one for this address.",
            )
        if cause.verify_code == EXPIRED:
            return ("its certificate has expired", "Renew it on the server, and see that the clocks are right.")
        if cause.verify_code == NOT_YET_VALID:
            return ("its certificate is not valid yet", "See that the clock of this machine is right.")
        return ("no authority that is trusted here has signed its certificate", USE_CA)
    if cause is not None and cause.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return ("it does not speak TLS", "Is that the port of its https?")
    return ("TLS failed", "Is that the port of its https?")
