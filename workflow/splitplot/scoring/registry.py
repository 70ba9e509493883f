"""The scorers by name: checked when a study is read, made when answers are there, versioned by their code."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from splitplot.canonical import digest
from splitplot.errors import ConfigError, near_miss
from splitplot.items import qa
from splitplot.items.item import Item
from splitplot.scoring import user, version
from splitplot.scoring.abstain import with_abstention
from splitplot.scoring.options import read_options
from splitplot.scoring.score import Scorer

KNOWN: dict[str, str] = {
    "abstention": "splitplot.scoring.abstention",
    "choice": "splitplot.scoring.choice",
    "exact": "splitplot.scoring.exact",
    "f1": "splitplot.scoring.f1",
    "includes": "splitplot.scoring.includes",
    "json_field": "splitplot.scoring.json_field",
    "no_false_answer": "splitplot.scoring.no_false_answer",
    "numeric": "splitplot.scoring.numeric",
    "qa_em": "splitplot.scoring.qa_em",
    "qa_f1": "splitplot.scoring.qa_f1",
    "reasoning_gym": "splitplot.scoring.procedural",
    "regex": "splitplot.scoring.regex",
    "supported": "splitplot.scoring.supported",
}
"""Built-in scorers and their modules; each has a dataclass `Options` and a function `build(options)`.

A module may have more: DOMAIN, the only items that it grades; REFUSED and EMPTY, what a refusal and an answer
that says nothing are worth (0 without); TELLS_ABSTENTIONS, where it tells abstentions apart by itself;
version() or depends(options), what else its scores depend on.
"""

EVERY_ITEM = "all"

DOMAINS: dict[str, Callable[[Item], bool]] = {
    EVERY_ITEM: lambda item: True,
    "answerable": qa.is_answerable,
    "unanswerable": lambda item: not qa.is_answerable(item),
    "open_book": lambda item: qa.kind_of(item) == "open_book",
    "closed_book": lambda item: qa.kind_of(item) == "closed_book",
}
"""Values of the common option `over`, and which items they mean."""

_OPPOSITES = ({"answerable", "unanswerable"}, {"open_book", "closed_book"})

COMMON = ("abstain", "over")
"""Options that every scorer takes, a user's own too: they are read before the scorer's."""

_HERE = Path(__file__).resolve().parent


class _Spec(NamedTuple):
    """Name, the scorer's own options, and the common ones."""

    name: str
    options: dict[str, Any]
    abstain: bool
    over: str


def make_scorer(spec: dict[str, Any], root: Path) -> Scorer:
    """The scorer of a study's entry {"scorer": name or import path, "options": {…}}.

    root: the workflow root, to which paths in a study are relative. The scorer grades any item it is
    given; which are to be graded `scorer_domain` says.
    Raises ConfigError, as `check_scorer` does, and where a user's file cannot be imported.
    """
    name, options, abstain, _over = _read(spec)
    if name in KNOWN:
        module = importlib.import_module(KNOWN[name])
        scorer: Scorer = module.build(read_options(module.Options, options, name))
    else:
        scorer = user.build(name, options, root)
    return with_abstention(scorer) if abstain else scorer


def scorer_domain(spec: dict[str, Any]) -> Callable[[Item], bool]:
    """Which items the scorer of an entry grades; the others have no rows of it in the table."""
    name, _options, _abstain, over = _read(spec)
    chosen, own = DOMAINS[over], DOMAINS[_own_domain(name)]
    return lambda item: own(item) and chosen(item)


def worth(spec: dict[str, Any], outcome: Literal["refused", "empty"]) -> float:
    """The strict score, 0 to 1, of an answer with this outcome."""
    name = _read(spec).name
    module = importlib.import_module(KNOWN[name]) if name in KNOWN else None
    return float(getattr(module, outcome.upper(), 0.0))


def check_scorer(spec: dict[str, Any], root: Path) -> None:
    """Raises ConfigError for an unknown scorer or option, with the near miss; imports nothing heavy."""
    name, options, _abstain, _over = _read(spec)
    if name in KNOWN:
        make_scorer(spec, root)
    else:
        user.check(name, options, root)


def scorer_digest(spec: dict[str, Any], root: Path) -> str:
    """16 hexadecimal digits of all that can change a score: name, options with defaults, code.

    Code is that of the scorer's module and of what it imports from its folder; comments, formatting and
    docstrings do not count. For reasoning_gym the version of the package counts as well, and the code
    of `splitplot.items` that calls it; likewise what else a scorer of question answering depends on.
    """
    name, options, abstain, over = _read(spec)
    if name in KNOWN:
        module = importlib.import_module(KNOWN[name])
        filled: Any = vars(read_options(module.Options, options, name))
        files = version.library_files(_HERE / f"{KNOWN[name].rpartition('.')[2]}.py")
        package = module.version() if hasattr(module, "version") else ""
        package = module.depends(filled) if hasattr(module, "depends") else package
    else:
        filled, package = options, ""
        files = version.neighbours(user.check(name, options, root))
    if abstain:
        files = sorted({*files, *version.library_files(_HERE / "abstain.py")})
    domain = [over, _own_domain(name)]
    within = [] if domain == [EVERY_ITEM] * 2 else [[*domain, version.file_digest(_QA)]]
    return digest([name, filled, abstain, package, version.code_digest(files), *within])


_QA = Path(qa.__file__).resolve()


def _own_domain(name: str) -> str:
    """The only items that a built-in scorer grades, whatever `over` is."""
    if name not in KNOWN:
        return EVERY_ITEM
    return str(getattr(importlib.import_module(KNOWN[name]), "DOMAIN", EVERY_ITEM))


def _read(spec: dict[str, Any]) -> _Spec:
    """An entry, with its common options read. Raises ConfigError for an unknown scorer, or one of them."""
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
    if name in KNOWN and hasattr(importlib.import_module(KNOWN[name]), "TELLS_ABSTENTIONS"):
        abstain = False  # it does so in any case, and the digest is the same
    rest = {key: value for key, value in options.items() if key not in COMMON}
    return _Spec(name, rest, abstain, _over(name, options.get("over", EVERY_ITEM)))


def _over(name: str, over: Any) -> str:
    """The value of the common option `over`. Raises ConfigError for another, and where no item is left."""
    if not isinstance(over, str) or over not in DOMAINS:
        raise ConfigError(
            f'scorer "{name}": option "over" is {over!r}; allowed: {", ".join(DOMAINS)}'
        )
    own = _own_domain(name)
    if {own, over} in _OPPOSITES:
        allowed = [one for one in DOMAINS if {own, one} not in _OPPOSITES]
        raise ConfigError(
            f'scorer "{name}": it grades {own} items only, so `over: {over}` leaves none; '
            f"allowed: {', '.join(allowed)}"
        )
    return over
