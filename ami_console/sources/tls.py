"""Whom to trust, for all three libraries: the usual ``SSL_CERT_FILE``, or the system."""

import os
import ssl

from ami_console.sources.failures import Target


def trusted_authorities() -> str | None:
    """File of a private certificate authority, if ``SSL_CERT_FILE`` names one."""
    return os.environ.get("SSL_CERT_FILE") or None


def tls_context(target: Target) -> ssl.SSLContext:
    """Context that checks certificate and host name against those authorities.

    Raises:
        SourceUnreachable: ``SSL_CERT_FILE`` can't be used.
    """
    try:
        return ssl.create_default_context(cafile=trusted_authorities())
    except OSError as error:  # an ssl.SSLError is one too
        raise target.unreachable(
            "SSL_CERT_FILE can't be read as certificates",
            f"set SSL_CERT_FILE to a PEM file, not {trusted_authorities()}",
        ) from error
