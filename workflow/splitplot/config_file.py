"""A YAML file as plain values that remember their lines, with YAML's surprises refused.

Refused, each with its line: duplicate keys, `yes`/`no`/`on`/`off` read as booleans, `010` read as an
octal number, keys that are not text, NaN and infinity. Dates stay text and `1e-2` is a number.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from splitplot.errors import ConfigError

Where = tuple[str | int, ...]
"""A place in a document: ("scorers", 1, "name")."""

_TAG = "tag:yaml.org,2002:"
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")


@dataclass(frozen=True)
class Place:
    """Where a value was written: file, line (from 1), and the text of a scalar as it stands there."""

    file: str
    line: int
    text: str | None = None


@dataclass(frozen=True)
class Document:
    """The plain values of a YAML file, and the place of each of them."""

    label: str
    value: Any
    places: dict[Where, Place]

    def place(self, where: Where) -> Place | None:
        """The place of a value, or of the nearest thing around it."""
        for length in range(len(where), -1, -1):
            if (found := self.places.get(where[:length])) is not None:
                return found
        return None


class Problems:
    """What is wrong with a document, one line each, reported together."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._lines: list[tuple[str, int, str]] = []

    def add(self, where: Where, message: str) -> None:
        """Note a problem: `message` says what is wrong and what is allowed."""
        place = self._document.place(where)
        label = place.file if place else self._document.label
        spot = f"{dotted(where)}: " if where else ""
        number = place.line if place and where else 0
        text = f"{label}: {spot}{message}" + (f" (line {number})" if number else "")
        if (label, number, text) not in self._lines:
            self._lines.append((label, number, text))

    def written(self, where: Where) -> bool:
        """Whether exactly this place is in the file: a list of one may be written as a single value."""
        return where in self._document.places

    def stop(self) -> None:
        """Raise ConfigError with every problem noted so far, in the order of the file, if there are any."""
        if self._lines:
            ordered = sorted(self._lines, key=lambda line: line[:2])
            raise ConfigError("\n".join(text for _, _, text in ordered))


def dotted(where: Where) -> str:
    """("scorers", 1, "name") → "scorers[1].name"."""
    text = ""
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def canonical_numbers(value: Any) -> Any:
    """The same value with 1.0 as 1 everywhere in it: equal numbers give equal digests."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: canonical_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [canonical_numbers(inner) for inner in value]
    return value


def label_of(path: Path, root: Path) -> str:
    """How messages name a file: relative to the workflow root where it lies below it."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return str(path)


def read_document(path: Path, root: Path) -> Document:
    """Read a YAML file. Raises ConfigError, naming lines, for what is listed at the top of this module."""
    label = label_of(path, root)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{label}: file not found") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{label}: cannot be read as UTF-8 text: {error}") from None
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        builder = _Builder(loader, label)
        value = None if node is None else builder.value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise ConfigError(f"{label}: {line}not valid YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{label}: not valid YAML: {str(error).splitlines()[0]}") from None
    finally:
        loader.dispose()
    if builder.problems:
        raise ConfigError("\n".join(builder.problems))
    return Document(label, value, builder.places)


def overlay(base: Document, top: Document) -> Document:
    """`top` over `base`: mappings are merged key by key, everything else is replaced."""
    replaced: set[Where] = set()
    value = _merge(base.value, top.value, (), replaced)
    kept = {
        where: place
        for where, place in base.places.items()
        if not any(where[:length] in replaced for length in range(len(where) + 1))
    }
    return Document(top.label, value, kept | top.places)


def _merge(base: Any, top: Any, where: Where, replaced: set[Where]) -> Any:
    if not (isinstance(base, dict) and isinstance(top, dict)):
        replaced.add(where)
        return top
    merged = dict(base)
    for key, value in top.items():
        merged[key] = _merge(base[key], value, (*where, key), replaced) if key in base else value
    return merged


class _Loader(yaml.CSafeLoader):
    """The safe loader of libyaml; dates stay text, and `1e-2` is a number as in YAML 1.2."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != f"{_TAG}timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(r"^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


class _Builder:
    """Plain values out of YAML nodes, with places, and problems gathered instead of raised."""

    def __init__(self, loader: _Loader, label: str) -> None:
        self.places: dict[Where, Place] = {}
        self.problems: list[str] = []
        self._loader = loader
        self._label = label
        self._open: set[int] = set()

    def value(self, node: yaml.Node, where: Where) -> Any:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode):
            self.places[where] = Place(self._label, line, node.value)
            return self._scalar(node)
        self.places[where] = Place(self._label, line)
        if id(node) in self._open:
            self._problem(node, "an alias refers to the value that it is part of")
            return None
        self._open.add(id(node))
        result: Any
        if isinstance(node, yaml.SequenceNode):
            result = [self.value(child, (*where, i)) for i, child in enumerate(node.value)]
        else:
            result = self._mapping(node, where)
        self._open.discard(id(node))
        return result

    def _mapping(self, node: yaml.Node, where: Where) -> dict[str, Any]:
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                result |= self._merged(value_node, where)
                continue
            if key_node.tag != f"{_TAG}str":
                text = key_node.value if isinstance(key_node, yaml.ScalarNode) else "this key"
                self._problem(
                    key_node,
                    f"a key must be text, and YAML reads {text} without quotes as something else; "
                    f'write "{text}" in quotes',
                )
                continue
            key = key_node.value
            if key in own:
                first = own[key][0].start_mark.line + 1
                self._problem(key_node, f'the key "{key}" is there already, in line {first}')
            own.setdefault(key, (key_node, value_node))
        for key, (key_node, value_node) in own.items():
            result[key] = self.value(value_node, (*where, key))
            place = self.places[(*where, key)]
            self.places[(*where, key)] = Place(
                self._label, key_node.start_mark.line + 1, place.text
            )
        return result

    def _merged(self, node: yaml.Node, where: Where) -> dict[str, Any]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        result: dict[str, Any] = {}
        for source in reversed(sources):
            value = self.value(source, where)
            if not isinstance(value, dict):
                self._problem(source, "`<<` needs a mapping")
                continue
            result |= value
        return result

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind, text = node.tag.removeprefix(_TAG), node.value
        if kind == "bool" and text.lower() not in ("true", "false"):
            self._problem(
                node,
                f"YAML reads {text} without quotes as a truth value; write true or false, "
                f'or "{text}" in quotes for text',
            )
            return None
        if kind in ("int", "float") and (":" in text or _LEADING_ZERO.fullmatch(text)):
            self._problem(
                node,
                f'YAML reads {text} as another number; write "{text}" in quotes for text, '
                "or a plain decimal number",
            )
            return None
        if kind not in ("str", "int", "float", "bool", "null"):
            self._problem(node, f"the YAML tag of {text!r} is not supported; write a plain value")
            return None
        value = self._loader.construct_object(node)
        if isinstance(value, float) and not math.isfinite(value):
            self._problem(node, f"{text} is not a finite number")
            return None
        return value

    def _problem(self, node: yaml.Node, message: str) -> None:
        text = f"{self._label}: line {node.start_mark.line + 1}: {message}"
        if text not in self.problems:
            self.problems.append(text)
