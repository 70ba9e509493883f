"""One canonical JSON text per value, and digests of it: the ground under every content-derived id."""

import hashlib
import json
import re
import unicodedata
from typing import Any


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces, UTF-8 text and no NaN: equal values give equal bytes.

    Raises ValueError for NaN or infinity, TypeError for what JSON cannot hold.
    """
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )


def digest(value: Any, length: int = 16) -> str:
    """The first `length` hexadecimal digits of the SHA-256 of the canonical JSON of `value`."""
    text = canonical_json(value).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:length]


def slug(text: str, limit: int = 40) -> str:
    """Lower-case ASCII letters, digits and single hyphens, for use in paths; never empty."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9.]+", "-", ascii_text.lower()).strip("-.")
    return plain[:limit].rstrip("-.") or "x"
