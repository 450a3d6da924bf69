"""Personal links that need no table, digests of secrets, and the seal of the record."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_MAC_BYTES = 20


class Signer:
    """Signs values with the service's secret.

    A personal link carries what it is about and a code that only the holder of the secret can
    have made, so nothing that opens a door is stored. The purpose is part of what is signed: a
    link to answer an invitation is none to stop mail.

    Args:
        keys: The first signs, all are accepted.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = [hashlib.sha256(b"samspill:" + k.encode()).digest() for k in keys]

    def make(self, purpose: str, value: str) -> str:
        """Return a token for a value, safe in a URL."""
        code = self._code(self._keys[0], purpose, value)
        return f"{_encode(value.encode())}.{_encode(code[:_MAC_BYTES])}"

    def read(self, purpose: str, token: str) -> str | None:
        """Return the value of a token, None if it was not made here for this purpose."""
        body, _, code = token.partition(".")
        try:
            raw, given = _decode(body), _decode(code)
            value = raw.decode()
        except ValueError:
            return None
        # One token, one spelling: the decoder is lenient about the last bits.
        if _encode(raw) != body or _encode(given) != code:
            return None
        for key in self._keys:
            if hmac.compare_digest(self._code(key, purpose, value)[:_MAC_BYTES], given):
                return value
        return None

    def seal(self, purpose: str, value: str) -> str:
        """Return a code over a value, hexadecimal."""
        return self._code(self._keys[0], purpose, value).hex()

    def is_seal(self, purpose: str, value: str, seal: str) -> bool:
        """Tell whether a code was made over the value with one of the keys."""
        codes = (self._code(key, purpose, value).hex() for key in self._keys)
        return any(hmac.compare_digest(code, seal) for code in codes)

    @staticmethod
    def _code(key: bytes, purpose: str, value: str) -> bytes:
        return hmac.digest(key, f"{purpose}\0{value}".encode(), "sha256")


def new_secret() -> str:
    """Return a secret of 256 bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is stored of a secret of :func:`new_secret`.

    A plain hash is enough: 256 random bits cannot be guessed, unlike a password.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    if not text.isascii():
        raise ValueError("not ASCII")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
