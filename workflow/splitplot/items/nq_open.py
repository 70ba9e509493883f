"""NQ-Open in its official format, one JSON object per line: `question` and `answer`, a list of short answers.

Lee, Chang & Toutanova 2019, "Latent Retrieval for Weakly Supervised Open Domain Question Answering"; from
Kwiatkowski et al. 2019, "Natural Questions".
"""

from pathlib import Path
from typing import Any

from splitplot.errors import ConfigError
from splitplot.items.fields import Row
from splitplot.items.load import Placed
from splitplot.items.official import (
    golds,
    placed,
    source_rows,
    text_in,
    texts_in,
    without_repeats,
)

FORMAT = "NQ-Open's official format"
CONFIG = "nq_open"


def load(source: dict[str, Any], root: Path) -> tuple[list[Placed], dict[str, Any]]:
    """The questions with their golds. They have no ids there: each is named after its content.

    A question that is there twice is one item with the golds of both; `repeats` of the provenance counts
    them. Read from `path`, a file of the authors, or else from the hub.
    """
    label, rows, origin = source_rows(source, root, {"question", "answer"}, config=CONFIG)
    asked = ((where, _question(row, where)) for where, row in rows)
    single, repeats = without_repeats(asked, "question")
    more = {"repeats": repeats} if repeats else {}
    return placed(single, source, label), {"source": label, "kind": "dataset", **origin, **more}


def _question(row: Row, where: str) -> Row:
    targets = golds(texts_in(row, "answer", where, FORMAT))
    if not targets:
        raise ConfigError(f"{where}: `answer` holds no answer; {FORMAT} has at least one")
    return {
        "question": text_in(row, "question", where, FORMAT),
        "targets": targets,
        "tags": ["closed_book", "answerable"],
        "rule": "nq_open",
    }
