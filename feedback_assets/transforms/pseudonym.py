"""The key of ``customer_key``, in the form in which SQL can use it: HMAC-SHA256's two pads.

HMAC(key, text) = SHA256(outer ‖ SHA256(inner ‖ text)), so that a query needs no more than
SHA-256 and never sees the secret itself in its text.
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
    """What tells two secrets apart and gives neither away."""
    return hmac.digest(secret, b"fingerprint of the customer secret", "sha256").hex()[:12]
