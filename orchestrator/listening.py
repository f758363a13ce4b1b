"""Where the API listens: on loopback, or off it where TLS or a declared proxy keeps keys from the network."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from agent.config import Settings
from orchestrator.errors import StartFailed

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104  # the one address that has loopback among its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The files of a certificate chain and its key, in PEM."""

    chain: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where the API listens.

    Attributes:
        url: where the programs of this machine reach it.
        behind_proxy: requests come through a proxy, which says in ``X-Forwarded-For`` from whom.
    """

    host: str
    port: int
    url: str
    certificate: Certificate | None = None
    behind_proxy: bool = False


def on_loopback(settings: Settings, *, behind_proxy: bool = False) -> Listening:
    """On this machine alone."""
    url = f"http://{LOOPBACK}:{settings.port}"
    return Listening(host=LOOPBACK, port=settings.port, url=url, behind_proxy=behind_proxy)


def decided(
    settings: Settings,
    *,
    host: str | None = None,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    behind_proxy: bool = False,
) -> Listening:
    """Where to listen, as ``stepfarm up`` was told.

    Raises:
        StartFailed: keys would go over the network unencrypted, or what was told does not fit together.
    """
    host = host or LOOPBACK
    certificate = _certificate(tls_cert, tls_key)
    if certificate is not None:
        return Listening(
            host=host,
            port=settings.port,
            url=_own_name(settings),
            certificate=certificate,
            behind_proxy=behind_proxy,
        )
    if is_loopback(host):
        return on_loopback(settings, behind_proxy=behind_proxy)
    if not behind_proxy:
        raise StartFailed(
            f"On {host} keys would go over the network unencrypted.",
            "Give --tls-cert and --tls-key, or --behind-proxy where a proxy with TLS stands before it; "
            "docs/operating.md, Other machines, shows both.",
        )
    if host != EVERYWHERE:
        raise StartFailed(
            f"Without TLS, --host {host} would leave out 127.0.0.1, where the programs of this machine look.",
            f"For a proxy on this machine leave --host out; for one on another, --host {EVERYWHERE}.",
        )
    url = f"http://{LOOPBACK}:{settings.port}"
    return Listening(host=host, port=settings.port, url=url, behind_proxy=True)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is reached from this machine alone."""
    with contextlib.suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _certificate(chain: Path | None, key: Path | None) -> Certificate | None:
    if chain is None and key is None:
        return None
    if chain is None or key is None:
        raise StartFailed("A certificate and its key go together.", "Give both --tls-cert and --tls-key.")
    for path in (chain, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise StartFailed(
                f"{path} cannot be read: {error.strerror}.", "--tls-cert and --tls-key want PEM files."
            ) from None
    try:
        # A password that is asked for on the terminal would hang a service.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key, password=lambda: "")
    except ssl.SSLError as error:
        mismatch = error.reason == "KEY_VALUES_MISMATCH"
        raise StartFailed(
            f"{key} is not the key of {chain}." if mismatch else f"{chain} and {key} cannot be used for TLS.",
            "The chain begins with the server's own certificate; the key must have no password.",
        ) from None
    return Certificate(chain=chain.absolute(), key=key.absolute())


def _own_name(settings: Settings) -> str:
    url = settings.url or settings.public_url
    if url is None or urlsplit(url).scheme != "https":
        raise StartFailed(
            "With TLS, the dashboard and the commands of this machine need the address that the certificate is for.",
            f"Set STEPFARM_PUBLIC_URL, such as https://farm.example.org:{settings.port}.",
        )
    return url
