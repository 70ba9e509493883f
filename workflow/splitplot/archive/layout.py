"""The names in an archive, its manifest, and what both must look like to be read at all."""

import json
import re
from collections.abc import Mapping
from typing import Any

from splitplot.errors import SplitplotError

SCHEMA = 1
MANIFEST = "MANIFEST.json"
SUMS = "SHA256SUMS"
PLAN = "plan.json"
TABLE = "item_responses.parquet"
INFERENCE = "inference.json"
VERSIONS = "versions.json"
LEDGER = "ledger"
READS = "reads"
LABELS = "labels.jsonl"
SLICE = "slice.jsonl"
REOPENED = "reopened.jsonl"

LONGEST_NAME = 100
"""Characters that a plain tar header has room for: no member needs an extended one, and none is read."""
MOST_MEMBERS = 100_000
MANIFEST_BYTES = 32 << 20

_NAME = re.compile(r"[A-Za-z0-9+_-][A-Za-z0-9.+_-]*(/[A-Za-z0-9+_-][A-Za-z0-9.+_-]*)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_name(name: str) -> bool:
    """Whether a member may have this name: plain parts with slashes between, none hidden, none above."""
    return len(name) <= LONGEST_NAME and _NAME.fullmatch(name) is not None


def manifest_text(
    plan: Mapping[str, Any], version: str, members: Mapping[str, tuple[str, int]]
) -> str:
    """The content of MANIFEST.json. members: name → (SHA-256, bytes), without the manifest itself."""
    value = {
        "schema": SCHEMA,
        "study": plan["study"],
        "splitplot": version,
        "plan_digest": plan["digests"]["plan"],
        "members": {
            name: {"sha256": sha256, "size": size}
            for name, (sha256, size) in sorted(members.items())
        },
    }
    return json.dumps(value, indent=1, allow_nan=False) + "\n"


def sums_text(members: Mapping[str, tuple[str, int]]) -> str:
    """The content of SHA256SUMS, as `sha256sum -c` reads it: every member but itself and the manifest."""
    return "".join(
        f"{sha256}  {name}\n"
        for name, (sha256, _) in sorted(members.items())
        if name not in (MANIFEST, SUMS)
    )


def read_manifest(data: bytes) -> dict[str, Any]:
    """MANIFEST.json, with `members` as name → (SHA-256, bytes).

    Raises SplitplotError where it is not one, or of a newer version.
    """
    try:
        value: dict[str, Any] = json.loads(data)
        schema, study, members = value["schema"], value["study"], value["members"]
        if schema != SCHEMA:
            raise SplitplotError(
                f"{MANIFEST} is of schema {schema!r:.20}; this splitplot reads {SCHEMA}"
            )
        told = {name: (entry["sha256"], entry["size"]) for name, entry in members.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SplitplotError(f"{MANIFEST} is not the manifest of an archive") from None
    for name, (sha256, size) in told.items():
        if not is_name(name) or name == MANIFEST:
            raise SplitplotError(f"{MANIFEST} names {name!r:.120}, which no member may be called")
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise SplitplotError(f"{MANIFEST} has no SHA-256 of {name}")
        if type(size) is not int or size < 0:
            raise SplitplotError(f"{MANIFEST} has no size of {name}")
    if len(told) > MOST_MEMBERS or not isinstance(study, str):
        raise SplitplotError(f"{MANIFEST} is not the manifest of an archive")
    return value | {"members": told}
