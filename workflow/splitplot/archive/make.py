"""From a finished study in a workspace to its archive."""

import os
import tempfile
from pathlib import Path
from typing import Any

from splitplot import paths
from splitplot.archive import agreement, contents, slices
from splitplot.archive.layout import LEDGER, TABLE
from splitplot.archive.pack import pack
from splitplot.archive.ready import check_ready
from splitplot.archive.unpack import study_of
from splitplot.errors import ConfigError, SplitplotError


def make_archive(plan: dict[str, Any], root: Path, output: Path) -> dict[str, Any]:
    """Write the archive of a study, called in the workflow's root.

    plan: as the study is now. The slice of the ledger is made beside the output, and removed again.
    Returns {"file", "sha256", "bytes", "members", "answers"}: answers are requests with a key in the table.
    Raises ConfigError where the output exists and is no archive of this study, which it may replace;
    SplitplotError where the report is missing or not of this study as it is, or where the table has
    an answer that the ledger has not; OSError where there is no room or no right to write.
    """
    if os.path.lexists(output) and study_of(output) != plan["study"]:
        raise ConfigError(
            f"{output}: exists and is no archive of {plan['study']}; give another --output, or move it away; "
            "nothing was changed"
        )
    check_ready(plan)
    members: dict[str, Path | bytes] = {
        **contents.study_files(plan, root),
        **contents.texts(plan, root),
    }
    table = members[TABLE]
    assert isinstance(table, Path)
    keys = slices.keys_of_table(table)
    answers = sum(map(len, keys.values()))
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".archive-", dir=output.parent) as temporary:
        ledger = Path(temporary) / LEDGER
        for trial in plan["trials"]:
            folder = ledger / trial["hash"]
            written = slices.write_slice(
                root / paths.LEDGER, trial, plan["study"], keys.pop(trial["hash"], set()), folder
            )
            members |= {f"{LEDGER}/{trial['hash']}/{path.name}": path for path in written}
        if keys:
            raise SplitplotError(
                f"{table}: has rows of {len(keys)} trials that the plan does not have; run again"
            )
        agreement.index(ledger)
        problems = agreement.disagreements(table, ledger)
        if problems:
            raise SplitplotError(
                "\n".join([*problems, f"{root / paths.LEDGER} must have every answer of the table"])
            )
        sha256 = pack(plan, members, output)
    return {
        "file": str(output),
        "sha256": sha256,
        "bytes": output.stat().st_size,
        "members": len(members) + 1,  # and their checksums
        "answers": answers,
    }
