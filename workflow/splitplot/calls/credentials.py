"""The credentials of trials and batches: they come from the environment, and stand in no file."""

import os
import string
from typing import Any

from splitplot.errors import SplitplotError


class CredentialRefused(SplitplotError):
    """The provider refuses the key, or the account behind it has no money: no request can succeed."""


def api_key(trial: dict[str, Any]) -> str | None:
    """The credential that a trial needs, from the environment; None where it needs none.

    Raises SplitplotError naming the variable that is not set.
    """
    name = trial["endpoint"].get("api_key_env")
    return key_from_environment(name, f"trial {trial['id']}", trial["model"])


def key_from_environment(name: str | None, what: str, asked: str) -> str | None:
    """The credential in an environment variable; None where no variable is named.

    Raises SplitplotError naming the variable where it is not set; `what` begins the message.
    """
    if not name:
        return None
    value = os.environ.get(name)
    if not value:
        raise SplitplotError(
            f"{what}: the environment variable {name} is not set, so {asked} cannot be asked; "
            "nothing was sent. Set it and run again: other trials are not affected"
        )
    return value


def checked_key(api_key: str | None, endpoint: dict[str, Any]) -> str | None:
    """The key without blanks around it. Raises CredentialRefused where no header may hold it."""
    key = (api_key or "").strip()
    if set(key) - set(string.ascii_letters + string.digits + string.punctuation):
        raise CredentialRefused(
            f"{endpoint.get('api_key_env')}: the key holds spaces or characters that no HTTP header"
            " may hold; set the variable to the key alone"
        )
    return key or None
