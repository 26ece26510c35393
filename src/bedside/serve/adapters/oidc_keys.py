"""The public keys of an OpenID provider, and whether they signed a token."""

import json
import warnings

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from bedside.core.errors import Invalid

__all__ = ["OidcKeys"]

_SMALLEST_RSA = 2048  # bits; NIST SP 800-131A
_LARGEST_SET = 256 * 1024  # bytes
_MOST_KEYS = 100
_KINDS = {"EC": ("ES256",), "RSA": ("RS256", "PS256")}


class OidcKeys:
    """The Signatures port on keys that were read once: RS256, PS256 (2048 bits or more) and ES256.

    A key is found by its `kid`, and counts only for the algorithms of its kind; of two of one kid
    each may have signed.

    Args:
        key_set: A JWKS as JSON. Keys for other uses or of other kinds are left out.

    Raises:
        Invalid: it is no key set, or holds no key that can be used.

    Source: RFC 7517; RFC 7518; RFC 8725, 3.1.
    """

    def __init__(self, key_set: bytes) -> None:
        try:
            keys = json.loads(key_set)["keys"] if len(key_set) <= _LARGEST_SET else None
        except (ValueError, TypeError, KeyError, RecursionError):
            keys = None
        told = keys[:_MOST_KEYS] if isinstance(keys, list) else []
        found = [_read(one) for one in told if isinstance(one, dict)]
        self._keys = [one for one in found if one is not None]
        if not self._keys:
            raise Invalid(
                "The key set of the issuer holds no key that can be used.",
                fix="let it publish an RSA key of 2048 bits or more, or one on P-256.",
                code="key_set_unfit",
            )

    def is_signed(self, token: str) -> bool:
        """Whether one of the keys signed it, in a way that this key is for."""
        try:
            header = jws.extract_compact(token.encode()).headers()
        except (JoseError, ValueError, TypeError, AttributeError):
            return False
        named = [
            key
            for kid, algorithms, key in self._keys
            if header.get("alg") in algorithms and ("kid" not in header or header["kid"] == kid)
        ]
        return any(_did_sign(key, token, str(header["alg"])) for key in named)


def _did_sign(key: RSAKey | ECKey, token: str, algorithm: str) -> bool:
    try:
        jws.deserialize_compact(token, key, algorithms=[algorithm])
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return False
    return True


def _read(told: dict[str, object]) -> tuple[object, tuple[str, ...], RSAKey | ECKey] | None:
    kinds = _KINDS.get(str(told.get("kty")), ())
    algorithms = tuple(one for one in kinds if told.get("alg", one) == one)
    if not algorithms or told.get("use", "sig") != "sig" or "d" in told:
        return None
    public: dict[str, str | list[str]] = {
        name: one for name, one in told.items() if isinstance(one, str)
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a short key is left out, not warned of
            if told.get("kty") == "EC":
                curve = ECKey.import_key(public)
                return (told.get("kid"), algorithms, curve) if curve.curve_name == "P-256" else None
            key = RSAKey.import_key(public)
            fits = key.raw_value.key_size >= _SMALLEST_RSA
            return (told.get("kid"), algorithms, key) if fits else None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
