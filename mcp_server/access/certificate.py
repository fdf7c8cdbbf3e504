"""The certificate with which the way in over HTTP speaks TLS."""

from __future__ import annotations

import ssl

from monitor.config.mcp import HttpSection
from monitor.config.models import ConfigError


def require_certificate(section: HttpSection) -> None:
    """ConfigError if a certificate is named that cannot be used."""
    if section.certfile is None:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(section.certfile, section.keyfile, password=_no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise ConfigError(f"mcp.http.certfile, keyfile: {error}") from None


def _no_password() -> str:
    raise ValueError("the key has a password, which nobody is there to type: give one without")
