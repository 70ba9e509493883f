"""Inference and report made anew from an archive alone: no workspace, no network, nothing asked."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from splitplot import __version__, paths
from splitplot.archive.layout import INFERENCE, LABELS, PLAN, READS, TABLE, VERSIONS
from splitplot.archive.unpack import unpacked
from splitplot.errors import ConfigError, SplitplotError
from splitplot.files import read_json

MADE = (INFERENCE, "report.html", "report.md", "report.json", "next.yaml")
NEEDED = (PLAN, TABLE, "items.parquet", "items.json", "costs.json", INFERENCE, VERSIONS)


def rebuild(archive: Path, output: Path) -> dict[str, Any]:
    """Write inference.json, the report and its tables into `output`, made from the archive's answers.

    The scripts are those of the rules `inference` and `report`, run in a temporary folder.
    Returns {"file", "folder", "study", "identical", "made_by", "version"}: identical tells whether
    inference.json has the very bytes of the archived one; made_by and version are of splitplot.
    Of the study's labels the archive's own file is read, wherever the plan says that they lay.
    Raises ConfigError where the folder has such files already, SplitplotError for an archive with problems,
    where a script fails, and where there is no room for the report, of which nothing is left then.
    """
    for name in (*MADE, "tables"):
        if os.path.lexists(output / name):
            raise ConfigError(f"{output / name} exists; give a new folder, nothing was changed")
    with unpacked(archive, _needed) as (folder, manifest):
        lacking = [name for name in NEEDED if not (folder / name).is_file()]
        if lacking:
            raise SplitplotError(f"{archive}: {lacking[0]}: missing")
        study = manifest["study"]
        made_by = str(read_json(folder / VERSIONS).get("splitplot"))
        root = folder / "workspace"
        results = root / paths.STUDY.format(study=study)
        if results.name != study or study in (".", ".."):
            raise SplitplotError(f"{archive}: {study!r:.80} is not the name of a study")
        labels = _labels(folder, archive)
        _lay_out(folder, root, results)
        place = {
            "plan": results / PLAN,
            "table": results / TABLE,
            "items": results / "items.parquet",
        }
        made = results / INFERENCE
        _run(root, "infer", **place, ledger=root / paths.LEDGER, output=made, **labels)
        identical = made.read_bytes() == (folder / INFERENCE).read_bytes()
        _run(
            root,
            "write_report",
            **place,
            inference=made,
            costs=results / "costs.json",
            provenance=results / "items.json",
            folder=results,
        )
        tables = sorted((results / "tables").iterdir())
        deliver([*(results / name for name in MADE), *tables], results, output)
    return {
        "file": str(archive),
        "folder": str(output),
        "study": study,
        "identical": identical,
        "made_by": made_by,
        "version": __version__,
    }


def _needed(name: str) -> bool:
    return name in (*NEEDED, LABELS) or name.startswith(f"{READS}/")


def deliver(files: Iterable[Path], folder: Path, output: Path) -> None:
    """Copy files of a folder to the same places in `output`, all of them or none.

    They are copied beside it first: a full disk leaves nothing there that stands in the way of another try.
    Raises SplitplotError, which names the output.
    """
    try:
        new = not output.exists()
        place = output.parent if new else output
        place.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".report-", dir=place) as temporary:
            made = Path(temporary) / "report"
            for path in files:
                target = made / path.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            for path in [made] if new else list(made.iterdir()):
                path.rename(output if new else output / path.name)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise SplitplotError(f"{output}: the report could not be written: {reason}") from None


def _labels(folder: Path, archive: Path) -> dict[str, Path]:
    """The argument for `scripts/infer.py`, of a study with labels."""
    try:
        named = read_json(folder / PLAN).get("labels")
    except (ValueError, AttributeError):
        raise SplitplotError(f"{archive}: {PLAN}: is no plan of a study") from None
    if named is None:
        return {}
    if not (folder / LABELS).is_file():
        raise SplitplotError(f"{archive}: {LABELS}: missing")
    return {"labels": folder / LABELS}


def _lay_out(folder: Path, root: Path, results: Path) -> None:
    """Put what was unpacked where the scripts look for it."""
    results.mkdir(parents=True)
    for name in (PLAN, TABLE, "items.parquet", "items.json", "costs.json"):
        (folder / name).rename(results / name)
    if (folder / READS).is_dir():
        reads = root / paths.LEDGER / READS
        reads.mkdir(parents=True)
        (folder / READS).rename(reads / results.name)


def _run(root: Path, script: str, **arguments: Path) -> None:
    """Run one of the workflow's scripts in the temporary folder."""
    words = [str(paths.REPOSITORY / "scripts" / f"{script}.py")]
    for name, value in arguments.items():
        words += [f"--{name}", str(value)]
    done = subprocess.run(
        [sys.executable, *words], cwd=root, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        raise SplitplotError(f"scripts/{script}.py: {done.stderr.strip()[-2000:]}")
