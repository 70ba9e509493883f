"""Whether an archive is whole, and says of its answers what its ledger says."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from splitplot.archive import agreement
from splitplot.archive.layout import LEDGER, MANIFEST, PLAN, TABLE
from splitplot.archive.unpack import unpack
from splitplot.files import file_sha256, read_json


def verify(path: Path) -> dict[str, Any]:
    """Check an archive: every checksum, no member missing or added, the table against the answers.

    Returns {"file", "sha256", "study", "members", "problems"}: problems has a line each, none where all is
    well. Raises OSError where the file cannot be opened, SplitplotError where the disk has no room.
    """
    sha256 = file_sha256(path)
    with TemporaryDirectory(prefix="splitplot-") as temporary:
        folder = Path(temporary)
        found = unpack(path, folder, _needed)
        problems = found.problems
        if not problems:
            problems = [
                f"{name}: missing" for name in (PLAN, TABLE) if not (folder / name).exists()
            ]
        if not problems:
            problems = _of_results(folder, found.manifest)
    return {
        "file": str(path),
        "sha256": sha256,
        "study": found.manifest.get("study"),
        "members": len(found.manifest.get("members", ())),
        "problems": problems,
    }


def _needed(name: str) -> bool:
    return name in (PLAN, TABLE) or name.startswith(f"{LEDGER}/")


def _of_results(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """The problems of members that have the right bytes."""
    try:
        plan = read_json(folder / PLAN)
        named = manifest["study"], manifest["plan_digest"]
        if (plan["study"], plan["digests"]["plan"]) != named:
            return [f"{PLAN}: is not the plan that {MANIFEST} names"]
        agreement.index(folder / LEDGER)
        return agreement.disagreements(folder / TABLE, folder / LEDGER)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return [f"its plan, table or ledger is none: {str(error)[:200]}"]
