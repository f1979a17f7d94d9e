"""The key of ``customer_key`` in a form that SQL can use: the two pads of HMAC-SHA256.

HMAC(key, text) = SHA256(outer ‖ SHA256(inner ‖ text)), so a query needs only SHA-256 and never
contains the secret itself.
"""

import hashlib
import hmac

_BLOCK_BYTES = 64


def hmac_pads(secret: bytes) -> tuple[bytes, bytes]:
    """The inner and the outer pad of ``secret``, 64 bytes each (RFC 2104)."""
    if len(secret) > _BLOCK_BYTES:
        secret = hashlib.sha256(secret).digest()
    key = secret.ljust(_BLOCK_BYTES, b"\0")
    return bytes(byte ^ 0x36 for byte in key), bytes(byte ^ 0x5C for byte in key)


def fingerprint(secret: bytes) -> str:
    """Distinguishes two secrets without revealing either."""
    return hmac.digest(secret, b"fingerprint of the customer secret", "sha256").hex()[:12]
