"""Which commit a name of the Hugging Face hub stands for: settled at its first use, and for good.

Each name has a small file in `results/ledger/revisions/`, where deleting the results does not reach:
the items of a study stay the same though the data set moves on.
"""

import fcntl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from splitplot.canonical import digest, slug
from splitplot.errors import ConfigError
from splitplot.files import read_json, write_json

ID_DIGITS = 8


def pinned(
    source: dict[str, Any], name: str, folder: Path, *, read_only: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The source with the revision that `name` is pinned to, and what its provenance tells of that.

    name: the repository on the hub, as `load.hub_name` gives it. folder: of the pins.
    A name without a pin is pinned to its present commit, or, with `read_only`, left as it is. So is
    one whose commit nobody can tell, without a network, and a source that names its revision itself.
    Raises ConfigError for a file that is no pin of this name.
    """
    if source.get("revision"):
        return source, {}
    path = pin_path(folder, name)
    if not path.exists() and not read_only:
        from splitplot.items.hub import present_commit

        commit = present_commit(name)
        if commit is not None:
            _write_first(path, {"hub": name, "revision": commit, "at": _now()})
    if not path.exists():
        return source, {}
    pin = _read(path, name)
    return {**source, "revision": pin["revision"]}, {"pinned": f"at first use, {pin['at']}"}


def pin_path(folder: Path, name: str) -> Path:
    """The file of a name's pin; the digest tells names apart that read alike as slugs."""
    return folder / f"{slug(name)}--{digest(name, ID_DIGITS)}.json"


def _write_first(path: Path, pin: dict[str, Any]) -> None:
    """Write the file, complete, unless another process has done so: the first one counts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / ".lock").open("a") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)  # it ends with the file, or with the process
        if not path.exists():
            write_json(path, pin)


def _read(path: Path, name: str) -> dict[str, Any]:
    try:
        pin = read_json(path)
        kept = {key: pin[key] for key in ("hub", "revision", "at")}
    except (ValueError, TypeError, KeyError):
        kept = {}
    if kept.get("hub") != name or not all(isinstance(value, str) for value in kept.values()):
        raise ConfigError(
            f'{path}: is not the pin of {name}; it must hold "hub", "revision" and "at" as texts: '
            "mend it, or delete it to pin the present commit"
        )
    return kept


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
