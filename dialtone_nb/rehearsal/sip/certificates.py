"""The certificate that phones are shown over TLS, signed by an authority made for this one start."""

from __future__ import annotations

import ssl
from pathlib import Path

NAMES = ("*.sip.twilio.com", "localhost")


def certified(host: str, authority: Path) -> ssl.SSLContext:
    """A context for TLS 1.2 and newer, as Twilio has it, for this address and for SIP domains' names.

    The authority that a phone has to trust is written to a file; the key that signed with it is in none.
    """
    import trustme  # loads a large library, for whoever wants TLS

    made = trustme.CA(organization_name="dialtone_nb rehearsal, not Twilio")
    authority.parent.mkdir(parents=True, exist_ok=True)
    made.cert_pem.write_to_path(str(authority))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    made.issue_cert(host, *NAMES).configure_cert(context)
    return context
