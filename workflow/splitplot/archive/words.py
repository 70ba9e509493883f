"""What `splitplot archive` says."""

from collections.abc import Mapping
from typing import Any


def made_text(study: str, made: Mapping[str, Any]) -> str:
    """Of a new archive: where, how large, and its digest, by which it is known from now on."""
    return (
        f"{study} is archived in {made['file']}: {made['members']:,} files, {made['answers']:,} requests "
        f"with their answers, {made['bytes']:,} bytes\nsha256 {made['sha256']}\n"
        f"To check it anywhere: splitplot archive --verify {made['file']}"
    )


def verified_text(found: Mapping[str, Any]) -> str:
    """Of a check: a line per problem, or that all is well."""
    if found["problems"]:
        return "\n".join(f"{found['file']}: {problem}" for problem in found["problems"])
    return (
        f"{found['file']} is whole: {found['members']:,} files of study {found['study']} as its manifest "
        f"says, and the answers of its table are those of its ledger\nsha256 {found['sha256']}"
    )


def rebuilt_text(done: Mapping[str, Any]) -> str:
    """Of a report made anew: where, and whether its numbers are the archived ones."""
    if done["identical"]:
        agreed = "inference.json is byte for byte the archived one"
    elif done["made_by"] != done["version"]:
        agreed = (
            f"inference.json differs from the archived one, which splitplot {done['made_by']} made; "
            f"this is {done['version']}"
        )
    else:
        agreed = (
            f"inference.json differs from the archived one, though both are of splitplot {done['version']}: "
            "compare the files, and the versions of packages in versions.json"
        )
    return f"{done['folder']}/report.html is made anew from {done['file']}\n{agreed}"
