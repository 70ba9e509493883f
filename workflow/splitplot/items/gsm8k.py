"""GSM8K in its official format: `question`, and `answer` whose last line is `#### n`.

Cobbe et al. 2021, "Training Verifiers to Solve Math Word Problems".
"""

import re
from itertools import islice
from pathlib import Path
from typing import Any

from splitplot.errors import ConfigError
from splitplot.files import file_sha256
from splitplot.items.fields import Row, Rows
from splitplot.items.item import Item
from splitplot.items.load import OFFICIAL, Placed
from splitplot.items.local import existing_file, jsonl_rows

HUB = {"hf": OFFICIAL["gsm8k"], "config": "main"}
FINAL = re.compile(r"####[ \t]*([^#\s][^#\n]*?)\s*\Z")


def load(source: dict[str, Any], root: Path) -> tuple[list[Placed], dict[str, Any]]:
    """Items `gsm8k-{split}-0000` … (the first `limit` problems), target without thousands commas.

    Read from the official file at `path`, or else from the hub (openai/gsm8k, config main).
    """
    split = source.get("split") or "test"
    label = f"gsm8k:{split}"
    rows: Rows
    if source.get("path"):
        name = str(source["path"])
        path = existing_file(name, root)
        rows = jsonl_rows(path, name)
        origin = {"path": name, "sha256": file_sha256(path), "revision": None}
    else:
        from splitplot.items.hub import hub_rows

        wanted = {"question", "answer"}
        request = {**HUB, "split": split, "revision": source.get("revision")}
        _, rows, origin = hub_rows(request, root, label, wanted)
    placed = [
        (_item(row, index, where, source, split, label), where)
        for index, (where, row) in enumerate(islice(rows, source.get("limit")))
    ]
    return placed, {"source": label, "kind": "dataset", **origin}


def _item(row: Row, index: int, where: str, source: dict[str, Any], split: str, label: str) -> Item:
    question, answer = row.get("question"), row.get("answer")
    if not isinstance(question, str) or not question.strip():
        raise ConfigError(
            f"{where}: `question` is missing or empty; GSM8K's official format has it"
        )
    final = FINAL.search(answer) if isinstance(answer, str) else None
    if final is None:
        raise ConfigError(f"{where}: `answer` must end in a line `#### number`")
    return Item(
        id=f"{source.get('id_prefix') or ''}gsm8k-{split}-{index:04d}",
        input=question,
        targets=(final[1].replace(",", ""),),
        tier=source.get("tier"),
        tags=tuple(source.get("tags") or ()),
        source=label,
    )
