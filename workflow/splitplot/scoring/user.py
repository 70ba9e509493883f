"""A user's own scorer, by import path: found, checked and versioned without running it; run with care."""

import ast
import importlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from splitplot.errors import ConfigError, near_miss
from splitplot.items.item import Item
from splitplot.scoring.score import Score, Scorer, ScoringError

Function = Callable[..., Any]


def check(reference: str, options: dict[str, Any], root: Path) -> Path:
    """The source file of "path/file.py:function" or "package.module:function"; nothing is imported.

    Raises ConfigError where file, function or a keyword for an option is not there.
    """
    place, _, function = reference.partition(":")
    file = _source(place, root)
    if file is None:
        raise ConfigError(
            f'scorer "{reference}": there is no file {place}; '
            "allowed: path/to/file.py:function below the workflow root, or package.module:function"
        )
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as problem:
        raise ConfigError(f'scorer "{reference}": {place} is not valid Python: {problem}') from None
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    bound = {target.id for node in tree.body if isinstance(node, ast.Assign)
             for target in node.targets if isinstance(target, ast.Name)}  # fmt: skip
    bound |= {alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom)
              for alias in node.names}  # fmt: skip
    if function not in functions and function not in bound:
        known = sorted(functions)
        raise ConfigError(
            f'scorer "{reference}": {place} has no function "{function}"{near_miss(function, known)}'
        )
    if function in functions:
        _check_options(reference, functions[function].args, options)
    return file


def build(reference: str, options: dict[str, Any], root: Path) -> Scorer:
    """The scorer around the user's function(response, item, **options); what it returns is validated."""
    file = check(reference, options, root)
    function = _load(reference, file, root)

    def score(response: str, item: Item) -> Score:
        try:
            result = function(response, item, **options)
        except Exception as problem:
            raise ScoringError(
                f'item "{item.id}": scorer "{reference}" failed: {type(problem).__name__}: {problem}'
            ) from problem
        return as_score(result, reference, item.id)

    return score


def as_score(result: Any, reference: str, item_id: str) -> Score:
    """The Score that a function means by a Score, number, bool, None or {"score", "extracted", "reason"}.

    None (also as "score") means that no answer could be read. Raises ScoringError for anything else.
    """
    score: Score
    if isinstance(result, dict) and "score" in result:
        extracted, reason = result.get("extracted"), result.get("reason")
        value = result["score"]
        score = Score(
            value,
            None if extracted is None else str(extracted),
            str(reason) if reason is not None else _default_reason(value),
            "unparseable" if value is None else "scored",
        )
    elif isinstance(result, Score):
        score = result
    else:
        score = Score(
            result, None, _default_reason(result), "unparseable" if result is None else "scored"
        )
    value = score.value
    if score.outcome == "scored" and _is_number(value):
        return Score(float(value or 0), score.extracted, score.reason, "scored", score.support)
    if score.outcome in ("unparseable", "abstained", "refused") and value is None:
        return score
    raise ScoringError(
        f'item "{item_id}": scorer "{reference}" returned {result!r:.80}; allowed: a finite number, a bool, '
        'None (no answer could be read), {"score": …, "extracted": …, "reason": …}, or a Score'
    )


def _default_reason(value: Any) -> str:
    return "no answer could be read" if value is None else "own scorer"


def _is_number(value: Any) -> bool:
    # numpy's bool and float have __float__ as well; text does not.
    return hasattr(value, "__float__") and math.isfinite(float(value))


def _source(place: str, root: Path) -> Path | None:
    if place.endswith(".py"):
        path = root / place
        return path if path.is_file() else None
    parts = place.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    for folder in (root, *map(Path, filter(None, sys.path))):
        module = folder.joinpath(*parts)
        for candidate in (module.with_suffix(".py"), module / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def _check_options(reference: str, arguments: ast.arguments, options: dict[str, Any]) -> None:
    positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    if len(positional) < 2 and arguments.vararg is None:
        raise ConfigError(
            f'scorer "{reference}": the function takes {len(positional)} argument(s); '
            "it is called as function(response, item)"
        )
    keywords = [*positional[2:], *(argument.arg for argument in arguments.kwonlyargs)]
    known = [*keywords, "abstain", "over"]
    for name in options:
        if name not in keywords and arguments.kwarg is None:
            raise ConfigError(
                f'scorer "{reference}": unknown option "{name}"{near_miss(name, known)}'
            )


def _load(reference: str, file: Path, root: Path) -> Function:
    place, _, name = reference.partition(":")
    # Imports of the user's file look in its own folder and in the workflow root, as when run by hand.
    for folder in (str(root.resolve()), str(file.resolve().parent)):
        if folder not in sys.path:
            sys.path.append(folder)
    try:
        if place.endswith(".py"):
            spec = importlib.util.spec_from_file_location(f"_splitplot_user_{file.stem}", file)
            if spec is None or spec.loader is None:
                raise ImportError(f"cannot load {place}")
            module = importlib.util.module_from_spec(spec)
            sys.modules[module.__name__] = module
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(place)
    except Exception as problem:
        raise ConfigError(
            f'scorer "{reference}": {place} cannot be imported: {type(problem).__name__}: {problem}'
        ) from problem
    function = getattr(module, name, None)
    if not callable(function) or inspect.isclass(function):
        raise ConfigError(f'scorer "{reference}": "{name}" in {place} is no function')
    return function  # type: ignore[no-any-return]
