"""That nothing in an archive, which is to be given away, looks as if it could open an account."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from splitplot.errors import SplitplotError
from splitplot.registry_arguments import SECRET_PREFIXES, SECRET_WORDS
from splitplot.registry_entries import Place

_SHAPED = re.compile(
    rf"(?<![\w/.-])(?:{SECRET_PREFIXES})[-_](?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{{16,}}"
    r"|(?<![\w-])AIza[\w-]{30,}"
    r"|(?i:\bBearer)\s+(?=[\w.~+/-]*\d)[\w.~+/-]{16,}"
    rf"|(?<!\w)\w*_(?:{SECRET_WORDS})\s*=\s*[\"']?(?=[A-Za-z_-]*\d)[\w+/=-]{{16,}}"
)
"""A key or token by its looks: as `registry_arguments` has it, and after the name of a variable that holds
one. With a digit, and not in a path."""


def check_no_credentials(plan: dict[str, Any]) -> None:
    """Raise SplitplotError where an address or a header in the plan could open an account."""
    for trial in plan["trials"]:
        for place in (trial.get("endpoint"), trial.get("batch")):
            told = place if isinstance(place, dict) else {}
            part = {key: told[key] for key in ("base_url", "headers", "api_key_env") if key in told}
            try:
                Place.model_validate(part)
            except ValidationError as error:
                where = ".".join(map(str, error.errors()[0]["loc"]))
                raise SplitplotError(
                    f"trial {trial['id']}: {where} looks like a credential, and an archive is to be "
                    "given away; put it into an environment variable (docs/models.md) and run again"
                ) from None


def check_no_keys(files: Iterable[Path]) -> None:
    """Raise SplitplotError, with file and line, where a text that people wrote holds a key by its looks."""
    for path in files:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, start=1):
            if _SHAPED.search(line):
                raise SplitplotError(
                    f"{path}:{number}: looks like a key or token, and the archive, which holds this file, is "
                    "to be given away; remove it, and let the provider make it void"
                )
