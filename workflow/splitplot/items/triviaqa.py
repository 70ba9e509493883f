"""TriviaQA in its official format: trivia questions, each with the many names of its answer.

Joshi, Choi, Weld & Zettlemoyer 2017, "TriviaQA: A Large Scale Distantly Supervised Challenge Dataset for
Reading Comprehension".
"""

from pathlib import Path
from typing import Any

from splitplot.errors import ConfigError
from splitplot.items.fields import Row, Rows
from splitplot.items.load import Placed
from splitplot.items.official import (
    golds,
    list_in,
    placed,
    source_rows,
    text_in,
    texts_in,
    without_repeats,
)

FORMAT = "TriviaQA's official format"
CONFIG = "rc.nocontext"
COLUMNS = {"question", "question_id", "answer"}
UNKNOWN = "<unk>"
"""What stands on the hub where the authors keep the answer to themselves."""


def load(source: dict[str, Any], root: Path) -> tuple[list[Placed], dict[str, Any]]:
    """The questions with their ids and golds, without the documents that belong to them.

    Golds: the value, its aliases, the normalised aliases, which the official evaluation compares with,
    and the answers that people gave to verified questions, which it takes too. A question that is there
    once for its web pages and once for its Wikipedia pages, as in the hub's `rc.nocontext`, is one item;
    `repeats` of the provenance counts them.
    Read from `path`, a file of the authors or rows as on the hub, or else from the hub.
    """
    label, rows, origin = source_rows(source, root, COLUMNS, config=CONFIG, document=_rows)
    asked = ((where, _question(row, where)) for where, row in rows)
    single, repeats = without_repeats(asked, "id")
    more = {"repeats": repeats} if repeats else {}
    return placed(single, source, label), {"source": label, "kind": "dataset", **origin, **more}


def _question(row: Row, where: str) -> Row:
    answer = row.get("answer")
    at = f"{where}: answer"
    if not isinstance(answer, dict) or answer.get("value") == UNKNOWN:
        raise ConfigError(
            f"{where}: `answer` is missing; TriviaQA's test files are published without answers: use "
            "those of the split validation (dev) or train"
        )
    targets = golds(
        [text_in(answer, "value", at, FORMAT)],
        texts_in(answer, "aliases", at, FORMAT),
        texts_in(answer, "normalized_aliases", at, FORMAT),
        texts_in(answer, "human_answers", at, FORMAT) if "human_answers" in answer else [],
    )
    return {
        "id": text_in(row, "question_id", where, FORMAT),
        "question": text_in(row, "question", where, FORMAT),
        "targets": targets,
        "tags": ["closed_book", "answerable"],
        "rule": "triviaqa",
    }


def _rows(document: Any, name: str) -> Rows:
    """The rows of an official file, with the columns of the hub."""
    for index, entry in enumerate(list_in(document, "Data", name, FORMAT)):
        where = f"{name}: Data[{index}]"
        row: Row = {
            "question": text_in(entry, "Question", where, FORMAT),
            "question_id": text_in(entry, "QuestionId", where, FORMAT),
        }
        answer = entry.get("Answer")
        if isinstance(answer, dict):
            at = f"{where}: Answer"
            row["answer"] = {
                "value": text_in(answer, "Value", at, FORMAT),
                "aliases": texts_in(answer, "Aliases", at, FORMAT),
                "normalized_aliases": texts_in(answer, "NormalizedAliases", at, FORMAT),
            }
            if "HumanAnswers" in answer:
                row["answer"]["human_answers"] = texts_in(answer, "HumanAnswers", at, FORMAT)
        yield where, row
