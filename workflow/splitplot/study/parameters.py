"""What a sampling adds to the body of every request, in one canonical form."""

from typing import Any

from splitplot.config_file import canonical_numbers
from splitplot.study.sections import Sampling


def body_parameters(sampling: Sampling) -> dict[str, Any]:
    """What a sampling adds to every request body: fields that are set, `extra` among them.

    Keys are sorted and 1.0 is 1, so that equal settings give equal bodies.
    """
    fields = sampling.model_dump(exclude_none=True, exclude={"name", "extra"})
    parameters: dict[str, Any] = sorted_keys(canonical_numbers(fields | sampling.extra))
    return parameters


def sorted_keys(value: Any) -> Any:
    """The same value with the keys of every mapping in it sorted, so that their order means nothing."""
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return [sorted_keys(inner) for inner in value] if isinstance(value, list) else value
