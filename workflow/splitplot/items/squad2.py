"""SQuAD 2.0 in its official format: passages of Wikipedia articles, half of the questions unanswerable.

Rajpurkar, Jia & Liang 2018, "Know What You Don't Know: Unanswerable Questions for SQuAD".
"""

from pathlib import Path
from typing import Any

from splitplot.canonical import digest
from splitplot.errors import ConfigError
from splitplot.items.fields import Row, Rows
from splitplot.items.load import Placed
from splitplot.items.official import golds, list_in, placed, source_rows, text_in, texts_in

FORMAT = "SQuAD 2.0's official format"
VERSION = "v2.0"
PASSAGE_DIGITS = 12
COLUMNS = {"id", "title", "context", "question", "answers"}


def load(source: dict[str, Any], root: Path) -> tuple[list[Placed], dict[str, Any]]:
    """The questions with their ids, passages and golds, in the order of the file.

    A question is unanswerable where `is_impossible` is true or no answer is given; `plausible_answers`
    are never golds. Clusters are passages, or articles with `cluster_by: article`; both stand in the
    metadata (a digest of the passage, the article's title), so that an item's content is the same.
    Read from `path`, a file of the authors or rows as on the hub, or else from the hub.
    """
    label, rows, origin = source_rows(source, root, COLUMNS, document=_rows)
    by = source.get("cluster_by") or "passage"
    asked = ((where, _question(row, where, by)) for where, row in rows)
    items = placed(asked, source, label, metadata=("passage", "article"))
    return items, {"source": label, "kind": "dataset", **origin, "cluster_by": by}


def _question(row: Row, where: str, cluster_by: str) -> Row:
    context = text_in(row, "context", where, FORMAT)
    units = {
        "passage": digest(context, PASSAGE_DIGITS),
        "article": text_in(row, "title", where, FORMAT),
    }
    targets = _texts(row.get("answers"), where)
    impossible = row.get("is_impossible", False)
    if not isinstance(impossible, bool):
        raise ConfigError(f"{where}: `is_impossible` must be true or false, not {impossible!r}")
    kept = [] if impossible else golds(targets)
    if targets and not kept and not impossible:
        raise ConfigError(
            f"{where}: every text under `answers` is empty; remove them, or mend them"
        )
    return {
        "id": text_in(row, "id", where, FORMAT),
        "question": text_in(row, "question", where, FORMAT),
        "targets": kept,
        "context": context,
        "cluster": units[cluster_by],
        "tags": ["open_book", "answerable" if kept else "unanswerable"],
        "rule": "squad2",
        **units,
    }


def _rows(document: Any, name: str) -> Rows:
    """The rows of an official file, with the columns of the hub and `is_impossible`."""
    version = document.get("version") if isinstance(document, dict) else None
    if version != VERSION:
        raise ConfigError(
            f'{name}: version: must be "{VERSION}", as in the files of SQuAD 2.0, not {version!r}'
        )
    for a, article in enumerate(list_in(document, "data", name, FORMAT)):
        at = f"{name}: data[{a}]"
        title = text_in(article, "title", at, FORMAT)
        for p, paragraph in enumerate(list_in(article, "paragraphs", at, FORMAT)):
            inside = f"{at}.paragraphs[{p}]"
            context = text_in(paragraph, "context", inside, FORMAT)
            for q, question in enumerate(list_in(paragraph, "qas", inside, FORMAT)):
                where = f"{inside}.qas[{q}]"
                text_in(question, "id", where, FORMAT)
                yield where, question | {"title": title, "context": context}


def _texts(answers: Any, where: str) -> list[str]:
    """The texts of `answers`: a list of objects in the authors' files, an object of lists on the hub."""
    if isinstance(answers, list):
        answers = {"text": [a.get("text") if isinstance(a, dict) else None for a in answers]}
    return texts_in(answers, "text", f"{where}: answers", FORMAT)
