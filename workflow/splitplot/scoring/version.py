"""Digest of what a piece of Python does: its syntax tree, without comments, formatting and docstrings."""

import ast
import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from splitplot.canonical import digest

LIBRARY = Path(__file__).resolve().parents[1]
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def code_digest(files: Iterable[Path]) -> str:
    """16 hexadecimal digits of the code in these files, whatever their order and their folders are."""
    return digest(sorted([file.name, file_digest(file)] for file in files))


def file_digest(file: Path) -> str:
    """Digest of one file's code; comments, formatting and texts that stand alone do not count."""
    return _file_digest(file, hashlib.sha256(file.read_bytes()).hexdigest())


@lru_cache(maxsize=256)
def _file_digest(file: Path, content: str) -> str:
    hasher = hashlib.sha256()
    for piece in _shape(ast.parse(file.read_bytes())):
        hasher.update(piece.encode("utf-8", "surrogatepass") + b"\0")
    return hasher.hexdigest()


def library_files(module: Path) -> list[Path]:
    """`module` and all modules of the same folder of this library that it imports, directly or not."""
    return _closure(module, prefix=f"splitplot.{module.parent.name}")


def neighbours(module: Path) -> list[Path]:
    """A user's file and all files of its own folder that it imports, directly or not."""
    return _closure(module, prefix="")


def _closure(module: Path, prefix: str) -> list[Path]:
    found, waiting = {module}, [module]
    while waiting:
        for name in _imported(waiting.pop()):
            if prefix and not name.startswith(prefix + "."):
                continue
            local = name.removeprefix(prefix + ".") if prefix else name
            parts = local.lstrip(".").split(".")
            for file in (
                module.parent / f"{parts[0]}.py",
                module.parent
                / f"{parts[-1]}.py",  # package.module named in full, or `from . import module`
            ):
                if file.is_file() and file not in found:
                    found.add(file)
                    waiting.append(file)
    return sorted(found)


def _imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names.add(module)
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return names - {""}


def _shape(node: ast.AST) -> Iterable[str]:
    """The tree as text, the same in every Python version: fields that are empty or None do not show."""
    yield type(node).__name__
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(node, _DOCUMENTED):
            value = [part for part in value if not _is_text(part)]
        if value is None or value == []:
            continue
        yield name
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST):
                yield from _shape(part)
            else:
                yield repr(part)
    yield ")"


def _is_text(node: ast.AST) -> bool:
    """A docstring, or the text under a constant that documents it: neither does anything."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
