"""Prompt templates: Markdown files with front matter and a Jinja2 body, rendered with an item to messages.

    ---
    description: shown to readers, never sent
    system: You are terse.    # a template like the body; not sent where it comes out empty
    examples:                 # literal texts, sent as they stand
      - {user: "What is 2 + 2?", assistant: "4"}
    ---
    {{ input }}

An item's text is a value and never a template: whatever it holds reaches the model as it is.
"""

from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Never

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, UndefinedError
from jinja2 import Template as Compiled
from jinja2.meta import find_undeclared_variables
from jinja2.nodes import Name
from jinja2.sandbox import ImmutableSandboxedEnvironment

from splitplot.canonical import digest
from splitplot.errors import ConfigError, near_miss
from splitplot.items.item import Item

Template = dict[str, Any]
"""{"system": str | None, "examples": [{"user", "assistant"}], "body": str}, plain JSON."""

KEYS = ["system", "examples", "description"]
TURNS = ["user", "assistant"]
VARIABLES = ["input", "context", "choices", "id", "tier", "tags"]
NOT_REPEATABLE_GLOBALS = ("lipsum",)
NOT_REPEATABLE_FILTERS = ("random",)
COMMENT = {"comment_begin", "comment", "comment_end"}
COMPILED = 256
"""Compiled templates kept: more than a study has conditions."""


def load_template(path: Path | str, root: Path) -> Template:
    """Read and check a template file; comments, line endings and blanks at the ends are normalised away.

    path: absolute or relative to `root`; messages show it relative to `root`.
    Raises ConfigError, with file and line where there is one, for unknown front matter, errors of
    syntax, unknown variables or filters, and a body that does not show the `input` of an item.
    """
    path = root / path
    label = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{label}: no such template; paths start at the workflow root") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{label}:{line}: not UTF-8; save the file as UTF-8") from None
    front, body, lines_before = _split(_plain_ends(text), label)
    system = _system(front.get("system"), label)
    examples = _examples(front.get("examples"), label)
    _check(body, label, lines_before)
    if system is not None:
        _check(system, f"{label}: system", None)
    template = {"system": system, "examples": examples, "body": body}
    _check_shows_input(template, label)
    return _normalised(template)


def template_hash(template: Template) -> str:
    """Content hash (64 hex digits) of system, examples and body, comments and blank ends apart."""
    return digest(_normalised(template), 64)


def render(template: Template, item: Item, where: str = "template") -> list[dict[str, str]]:
    """Messages [{"role", "content"}]: system (unless empty), examples, then the body with the item.

    where: what to call the template in messages. Raises ConfigError if the template prints what the
    item does not have (`{{ context }}` of an item without one; `{% if context %}` is fine).
    """
    values = _values(item)
    messages = []
    if template.get("system"):
        system = _fill(template["system"], values, item, where)
        if system.strip():
            messages.append({"role": "system", "content": system})
    for example in template.get("examples") or ():
        messages.extend({"role": turn, "content": example[turn]} for turn in TURNS)
    messages.append({"role": "user", "content": _fill(template["body"], values, item, where)})
    return messages


class Absent(Undefined):
    """What an item does not have: false in a condition, `default(…)` applies, an error when printed."""

    def _refuse(self, *_: Any) -> Never:
        raise UndefinedError(f"the item has no {self._undefined_name}")

    __str__ = __iter__ = __len__ = __contains__ = _refuse


NO_CONTEXT = Absent(name="context")
NO_TIER = Absent(name="tier")


def _values(item: Item) -> dict[str, Any]:
    return {
        "input": item.input,
        "context": NO_CONTEXT if item.context is None else item.context,
        "choices": item.choices,
        "id": item.id,
        "tier": NO_TIER if item.tier is None else item.tier,
        "tags": item.tags,
    }


def _fill(source: str, values: dict[str, Any], item: Item, where: str) -> str:
    try:
        return _compiled(source).render(values)
    except UndefinedError as error:
        raise ConfigError(
            f'{where}: item "{item.id}": {error.message}; give the item one, or write '
            "{% if … %} … {% endif %} around it"
        ) from None
    except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError) as error:
        raise ConfigError(f'{where}: item "{item.id}": cannot be rendered: {error}') from error


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for name in NOT_REPEATABLE_GLOBALS:
        del environment.globals[name]
    for name in NOT_REPEATABLE_FILTERS:
        del environment.filters[name]
    return environment


@lru_cache(maxsize=COMPILED)
def _compiled(source: str) -> Compiled:
    return _environment().from_string(source)


def _split(text: str, label: str) -> tuple[dict[str, Any], str, int]:
    """(front matter, body, lines before the body)."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return {}, text, 0
    end = next((at for at, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        raise ConfigError(f'{label}:1: the front matter is not closed; end it with a line "---"')
    front = _front_matter("\n".join(lines[1:end]), label)
    return front, "\n".join(lines[end + 1 :]), end + 1


def _front_matter(text: str, label: str) -> dict[str, Any]:
    import yaml

    try:
        front = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 2}" if mark else ""
        reason = getattr(error, "problem", None) or str(error)
        raise ConfigError(f"{label}{line}: front matter is not YAML: {reason}") from None
    if front is None:
        return {}
    if not isinstance(front, dict):
        raise ConfigError(f"{label}:2: front matter must be `key: value` lines ({', '.join(KEYS)})")
    for key in front:
        if key not in KEYS:
            raise ConfigError(f'{label}: unknown key "{key}"{near_miss(str(key), KEYS)}')
    return front


def _system(value: Any, label: str) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        raise ConfigError(f"{label}: system must be a text, not {value!r}; put quotes around it")
    return value


def _examples(value: Any, label: str) -> list[dict[str, str]]:
    examples = [] if value is None else value
    if not isinstance(examples, list):
        raise ConfigError(f"{label}: examples must be a list of {{user: …, assistant: …}}")
    for index, example in enumerate(examples):
        place = f"{label}: examples[{index}]"
        if not isinstance(example, dict):
            raise ConfigError(f"{place}: must be {{user: …, assistant: …}}")
        for key in example:
            if key not in TURNS:
                raise ConfigError(f'{place}: unknown key "{key}"{near_miss(str(key), TURNS)}')
        for turn in TURNS:
            text = example.get(turn)
            if not isinstance(text, str) or not text.strip():
                got = "is missing" if text is None else f"must be a text, not {text!r}"
                raise ConfigError(f"{place}: {turn} {got}; put quotes around it")
    return [{turn: example[turn] for turn in TURNS} for example in examples]


def _check(source: str, label: str, lines_before: int | None) -> None:
    """Raise ConfigError for errors of syntax and unknown names; line numbers are those of the file."""

    def at(line: int | None) -> str:
        return label if lines_before is None or line is None else f"{label}:{line + lines_before}"

    environment = _environment()
    try:
        tree = environment.parse(source)
        environment.compile(source)
    except TemplateSyntaxError as error:
        raise ConfigError(f"{at(error.lineno)}: template error: {error.message}") from None
    known = {*VARIABLES, *environment.globals}
    for name in sorted(find_undeclared_variables(tree) - known):
        line = min((node.lineno for node in tree.find_all(Name) if node.name == name), default=None)
        raise ConfigError(f'{at(line)}: unknown variable "{name}"{near_miss(name, VARIABLES)}')


def _check_shows_input(template: Template, label: str) -> None:
    """Render the body with items that differ in nothing but their input."""
    full = {"context": "c", "choices": ("x", "y"), "tier": "t", "tags": ("g",)}
    shown, problem = False, None
    for extra in (full, {**full, "choices": ()}, {"choices": ()}):
        try:
            bodies = [
                render(template, Item("example", text, **extra), label) for text in ("ab", "xy")
            ]
        except ConfigError as error:
            problem = problem or (error if extra is full else None)
            continue
        shown = shown or bodies[0][-1] != bodies[1][-1]
    if problem:
        raise problem
    if not shown:
        raise ConfigError(
            f"{label}: the body never shows the item's question; write {{{{ input }}}} where it belongs"
        )


def _normalised(template: Template) -> Template:
    def text(source: str) -> str:
        return _without_comments(_plain_ends(source)).strip("\n").rstrip()

    system = template.get("system")
    examples = template.get("examples") or []
    return {
        "system": text(system) or None if system else None,
        "examples": [
            {turn: _plain_ends(each[turn]).rstrip() for turn in TURNS} for each in examples
        ],
        "body": text(template["body"]),
    }


def _plain_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _without_comments(source: str) -> str:
    """The source without {# comments #}, unless that would make another template of it."""

    def merged(text: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        for _, kind, value in _environment().lex(text):
            if kind in COMMENT:
                continue
            if tokens and kind == "data" == tokens[-1][0]:
                tokens[-1] = (kind, tokens[-1][1] + value)
            else:
                tokens.append((kind, value))
        return tokens

    tokens = merged(source)
    bare = "".join(value for _, value in tokens)
    return bare if merged(bare) == tokens else source
