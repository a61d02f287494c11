"""How a server proves that it is ours: it answers a challenge as only a holder of the auth token can."""

from __future__ import annotations

import hmac
from typing import Final

SERVING_PATH: Final = "/serving"
LONGEST_CHALLENGE: Final = 128


def serving_proof(auth_token: str, challenge: str, environment: str, version: str) -> str:
    """The answer to a challenge, 64 hexadecimal digits: it holds for this environment and table version alone."""
    # Another hash and other content than a Twilio signature has, so that neither can ever pass for the other.
    said = "\n".join(["dialtone serving", challenge, environment, version])
    return hmac.digest(auth_token.encode(), said.encode(), "sha256").hex()


def is_serving_proof(proof: str, auth_token: str, challenge: str, environment: str, version: str) -> bool:
    """Whether the proof is right, compared in constant time."""
    expected = serving_proof(auth_token, challenge, environment, version)
    return hmac.compare_digest(proof.encode(), expected.encode())
