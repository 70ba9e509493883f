"""Waves: the same cells observed again later, each a block of replications of its own.

`snakemake --config wave=NAME` adds one. Which waves a study has is kept in `results/ledger/waves/`, where
deleting the results does not reach: their answers are in the ledger, and the study goes on having them.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from splitplot import paths
from splitplot.errors import ConfigError
from splitplot.files import read_json, write_json

FIRST = ""
"""The first observation has no name: it is there before anybody thinks of a second one."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def waves_of(plan: Mapping[str, Any]) -> list[str]:
    """The waves of a plan in the order in which they were asked for; of a study without, the first alone."""
    return list(plan.get("waves") or [FIRST])


def shown(wave: str) -> str:
    """What people read for a wave."""
    return wave or "first"


def named(value: Any) -> str:
    """The name that `--config wave=…` gives.

    Raises ConfigError for what Snakemake has read as something else than a text, and may have changed by
    that (2026.10 is 2026.1 by then), and for a name that is none.
    """
    if isinstance(value, date):
        value = value.isoformat()
    if not isinstance(value, str):
        read = "as nothing" if value is None else f"as {value!r}, a {type(value).__name__}"
        raise ConfigError(
            f"--config wave=…: what follows is read {read}, and not as a name; begin it with a letter, as w1"
        )
    if not _NAME.fullmatch(value) or value == shown(FIRST):
        raise ConfigError(
            f"--config wave={value}: a wave is named by up to 64 letters, digits, points, hyphens and "
            f'underscores, as 2026-12, and not "{shown(FIRST)}", which the first observation is called'
        )
    return value


def with_wave(study: str, wave: str | None, root: Path) -> list[str]:
    """The waves of a study: the first, those on record, and `wave`, if it is another one.

    wave: as `named` returns it. Raises ConfigError for a second wave of a study whose report is not there,
    or has holes: there is nothing yet to observe again.
    """
    known = [FIRST, *(entry["wave"] for entry in recorded(study, root))]
    if wave is None or wave in known[1:]:
        return known
    report = paths.REPORT_JSON.format(study=study)
    try:
        complete = read_json(root / report)["complete"] is True
    except FileNotFoundError:
        raise ConfigError(
            f"--config wave={wave}: {report} is not there, and a wave observes again what has been observed: "
            "make the report first, without `wave`"
        ) from None
    except (ValueError, TypeError, KeyError):
        complete = False
    if not complete:
        raise ConfigError(
            f"--config wave={wave}: the report of {study} lacks answers, which would be asked together with "
            f"the wave; run without `wave` until it is whole (`splitplot refill {study}` opens failures)"
        )
    return [*known, wave]


def recorded(study: str, root: Path) -> list[dict[str, str]]:
    """[{"wave", "at"}] of every wave beyond the first. Raises ConfigError for a file that is no such list."""
    path = root / paths.WAVES.format(study=study)
    try:
        entries = read_json(path)
        found = [{key: entry[key] for key in ("wave", "at")} for entry in entries]
        names = [named(entry["wave"]) for entry in found]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError, ConfigError):
        found, names = [], [""] * 2
    if len(set(names)) < len(names):
        raise ConfigError(
            f'{path}: is not the list of the waves of {study}; it must hold entries {{"wave", "at"}}, each '
            "name once: mend it, or delete it to have the first wave alone (the answers stay in the ledger)"
        )
    return found


def record(plan: dict[str, Any], root: Path) -> None:
    """Write down the waves of a plan that are not on record yet. Whoever calls works on the study alone."""
    study = plan["study"]
    known = recorded(study, root)
    names = {entry["wave"] for entry in known}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    new = [{"wave": wave, "at": at} for wave in waves_of(plan)[1:] if wave not in names]
    if new:
        path = root / paths.WAVES.format(study=study)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, [*known, *new])


def wave_suffix(wave: str) -> bytes:
    """What the canonical JSON of a request's key has behind the replication: nothing in the first wave."""
    return f",{json.dumps(wave)}".encode() if wave else b""
