"""Items from the Hugging Face hub, or from a local folder laid out as one of its repositories.

Needs the optional package `datasets`.
"""

import hashlib
from itertools import islice
from pathlib import Path
from typing import Any

from splitplot.errors import ConfigError
from splitplot.files import file_sha256
from splitplot.items.fields import Rows, check_columns, columns_of, items_of
from splitplot.items.load import Placed

INFO_TIMEOUT_S = 20.0
"""Seconds to wait for the hub's word on which commit a name stands for."""


def load(source: dict[str, Any], root: Path) -> tuple[list[Placed], dict[str, Any]]:
    """Items of an `hf` source (the first `limit` rows of its split) and their provenance.

    A revision that neither the study nor a pin (`pins.py`) gives is resolved to the present commit,
    which is what is loaded and recorded; a local folder is recorded by the digest of its files.
    """
    label = ":".join(str(source[key]) for key in ("hf", "config", "split") if source.get(key))
    columns = columns_of(source, label)
    existing, rows, origin = hub_rows(source, root, label, columns.wanted)
    check_columns(columns, existing, label)
    items = items_of(islice(rows, source.get("limit")), source, label, columns)
    return items, {"source": label, "kind": "hf", **origin}


def hub_rows(
    source: dict[str, Any], root: Path, label: str, wanted: set[str]
) -> tuple[list[str], Rows, dict[str, Any]]:
    """All columns, the rows (wanted columns only: an image is never decoded in vain), the origin.

    source: "hf" (repository or local folder), "config", "split", "revision".
    """
    try:
        import datasets
    except ImportError:
        raise ConfigError(
            f"{label}: data from the Hugging Face hub needs the package `datasets`; "
            "install it with: pip install 'splitplot[hub]'"
        ) from None
    datasets.disable_progress_bars()
    name = str(source["hf"])
    folder = root / name
    if folder.is_dir():
        where, revision = str(folder.resolve()), None
        origin = {"revision": None, "sha256": folder_sha256(folder)}
    else:
        where, revision = name, source.get("revision") or present_commit(name)
        origin = {"revision": revision, "sha256": None}
    try:
        data = datasets.load_dataset(
            where,
            name=source.get("config"),
            split=source.get("split") or "train",
            revision=revision,
        )
    except Exception as error:  # the many ways in which a download, a name or a parser can fail
        reason = " ".join(str(error).split())[:400] or type(error).__name__
        at = f" at revision {revision}" if revision else ""
        raise ConfigError(
            f"{label}: could not be loaded{at}: {reason}; check name, config, split and the network"
        ) from error
    existing = list(data.column_names)
    data = data.select_columns([column for column in existing if column in wanted])
    rows = ((f"{label}: row {number}", dict(row)) for number, row in enumerate(data, start=1))
    return existing, rows, origin


def folder_sha256(folder: Path) -> str:
    """SHA-256 over names and contents of the files in a folder; hidden ones (.git, .cache) do not count."""
    listing = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            listing.update(f"{name.as_posix()}\0{file_sha256(path)}\n".encode())
    return listing.hexdigest()


def present_commit(name: str) -> str | None:
    """The commit that the repository's default branch stands for now; None where nobody can say.

    Without a network `datasets` falls back on its cache, whose commit it does not tell.
    """
    try:
        from huggingface_hub import HfApi

        commit: str | None = HfApi().dataset_info(name, timeout=INFO_TIMEOUT_S).sha
    except (
        Exception
    ):  # not installed, offline, unknown or gated: loading gives the message that helps
        return None
    return commit
