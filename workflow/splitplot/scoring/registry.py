"""The scorers by name: checked when a study is read, made when answers are there, versioned by their code."""

import importlib
from pathlib import Path
from typing import Any

from splitplot.canonical import digest
from splitplot.errors import ConfigError, near_miss
from splitplot.scoring import user, version
from splitplot.scoring.abstain import with_abstention
from splitplot.scoring.options import read_options
from splitplot.scoring.score import Scorer

KNOWN: dict[str, str] = {
    "choice": "splitplot.scoring.choice",
    "exact": "splitplot.scoring.exact",
    "f1": "splitplot.scoring.f1",
    "includes": "splitplot.scoring.includes",
    "json_field": "splitplot.scoring.json_field",
    "numeric": "splitplot.scoring.numeric",
    "reasoning_gym": "splitplot.scoring.procedural",
    "regex": "splitplot.scoring.regex",
}
"""Built-in scorers and their modules; each has a dataclass `Options` and a function `build(options)`."""

_HERE = Path(__file__).resolve().parent


def make_scorer(spec: dict[str, Any], root: Path) -> Scorer:
    """The scorer of a study's entry {"scorer": name or import path, "options": {…}}.

    root: the workflow root, to which paths in a study are relative.
    Raises ConfigError, as `check_scorer` does, and where a user's file cannot be imported.
    """
    name, options, abstain = _read(spec)
    if name in KNOWN:
        module = importlib.import_module(KNOWN[name])
        scorer: Scorer = module.build(read_options(module.Options, options, name))
    else:
        scorer = user.build(name, options, root)
    return with_abstention(scorer) if abstain else scorer


def check_scorer(spec: dict[str, Any], root: Path) -> None:
    """Raises ConfigError for an unknown scorer or option, with the near miss; imports nothing heavy."""
    name, options, _abstain = _read(spec)
    if name in KNOWN:
        make_scorer(spec, root)
    else:
        user.check(name, options, root)


def scorer_digest(spec: dict[str, Any], root: Path) -> str:
    """16 hexadecimal digits of all that can change a score: name, options with defaults, code.

    Code is that of the scorer's module and of what it imports from its folder; comments, formatting and
    docstrings do not count. For reasoning_gym the version of the package counts as well, and the code
    of `splitplot.items` that calls it.
    """
    name, options, abstain = _read(spec)
    if name in KNOWN:
        module = importlib.import_module(KNOWN[name])
        filled: Any = vars(read_options(module.Options, options, name))
        files = version.library_files(_HERE / f"{KNOWN[name].rpartition('.')[2]}.py")
        package = module.version() if hasattr(module, "version") else ""
    else:
        filled, package = options, ""
        files = version.neighbours(user.check(name, options, root))
    if abstain:
        files = sorted({*files, *version.library_files(_HERE / "abstain.py")})
    return digest([name, filled, abstain, package, version.code_digest(files)])


def _read(spec: dict[str, Any]) -> tuple[str, dict[str, Any], bool]:
    """Name, the scorer's own options, and the common option `abstain`."""
    name, options = spec.get("scorer"), spec.get("options") or {}
    if not isinstance(name, str) or not isinstance(options, dict):
        raise ConfigError(
            f'scorer {spec!r:.80}: allowed: {{"scorer": name, "options": {{…}}}}'
            f" (known: {', '.join(sorted(KNOWN))})"
        )
    if name not in KNOWN and ":" not in name:
        raise ConfigError(
            f'unknown scorer "{name}"{near_miss(name, list(KNOWN))}, or your own as path/to/file.py:function'
        )
    abstain = options.get("abstain", False)
    if not isinstance(abstain, bool):
        raise ConfigError(
            f'scorer "{name}": option "abstain" is {abstain!r}; allowed: true or false'
        )
    return name, {key: value for key, value in options.items() if key != "abstain"}, abstain
