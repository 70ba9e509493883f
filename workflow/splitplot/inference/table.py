"""The columns of item_responses.parquet that inference reads: texts as codes, numbers as arrays.

Never the text of a response. A million rows stay at four bytes per text.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitplot.errors import ConfigError
from splitplot.inference.grid import Bools

Codes = NDArray[np.int32]

TEXT_COLUMNS = ("trial_id", "condition_id", "item_id", "item_hash", "cluster", "scorer", "outcome")
NUMBER_COLUMNS = ("replication", "strict", "observed", "tokens_out", "simulated")
OPTIONAL_TEXTS = ("source", "route", "wave")
OPTIONAL_NUMBERS = ("tokens_in", "usd", "latency_s", "confidence", "support")
"""Read where the table has them: NaN in every row where it does not, or for a text no name."""


@dataclass(frozen=True)
class Coded:
    """A text column: the sorted distinct texts, and the position of each row's text among them
    (−1 where it is null)."""

    names: list[str]
    code: Codes


@dataclass(frozen=True)
class Table:
    """The columns read, one entry per row."""

    text: Mapping[str, Coded]
    number: Mapping[str, NDArray[Any]]

    def scorer_rows(self, scorer: str) -> Bools:
        """Which rows are of this scorer."""
        column = self.text["scorer"]
        if scorer not in column.names:
            return np.zeros(column.code.size, dtype=np.bool_)
        rows: Bools = column.code == column.names.index(scorer)
        return rows

    def answer_rows(self, scorers: Sequence[str]) -> Bools:
        """A row of every answer: the first scorer's, and that of the next one where it grades fewer items."""
        chosen = self.scorer_rows(scorers[0])
        if len(scorers) == 1:
            return chosen
        answer = np.zeros(chosen.size, dtype=np.int64)
        for name in ("trial_id", "condition_id", "wave", "item_id"):
            column = self.text[name]
            answer = answer * (len(column.names) + 1) + column.code + 1
        replication = self.number["replication"]
        answer = answer * (int(replication.max(initial=0)) + 1) + replication
        for scorer in scorers[1:]:
            chosen = chosen | (self.scorer_rows(scorer) & ~np.isin(answer, answer[chosen]))
        return chosen


def read_table(path: Path) -> Table:
    """The needed columns of the item-response table; texts as codes. Raises ConfigError if one is absent."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = [*TEXT_COLUMNS, *NUMBER_COLUMNS]
    present = pq.read_schema(path).names
    absent = [name for name in wanted if name not in present]
    if absent:
        raise ConfigError(
            f"{path}: columns missing: {', '.join(absent)}; "
            "this is no item-response table of this version; make it anew"
        )
    texts = [*TEXT_COLUMNS, *(name for name in OPTIONAL_TEXTS if name in present)]
    more = [name for name in OPTIONAL_NUMBERS if name in present]
    # Texts that repeat are read as dictionaries, and one column at a time: beside the arrays that are
    # kept, memory holds one column as the file has it.
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        rows = file.metadata.num_rows

        def column(name: str) -> Any:
            return file.read(columns=[name], use_threads=False).column(0)

        text = {name: _coded(column(name).cast(_dictionary(pa))) for name in texts}
        number: dict[str, NDArray[Any]] = {
            "replication": _filled(column("replication"), 0, np.int64),
            "strict": _filled(column("strict"), np.nan, np.float64),
            "observed": _filled(column("observed"), np.nan, np.float64),
            "tokens_out": _filled(column("tokens_out"), -1, np.int64),
            "simulated": _filled(column("simulated"), False, np.bool_),
        }
        number |= {name: _filled(column(name), np.nan, np.float64) for name in more}
    text |= {
        name: Coded([], np.full(rows, -1, dtype=np.int32))
        for name in OPTIONAL_TEXTS
        if name not in texts
    }
    number |= {name: np.full(rows, np.nan) for name in OPTIONAL_NUMBERS if name not in more}
    return Table(text, number)


def any_answer(paths: Iterable[Path]) -> bool:
    """Whether any of these tables has a row of an answer that came, of whatever quality."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    return any(
        bool(
            pc.any(
                pc.not_equal(pq.read_table(path, columns=["outcome"])["outcome"], "missing")
            ).as_py()
        )
        for path in paths
    )


def _dictionary(pa: Any) -> Any:
    return pa.dictionary(pa.int32(), pa.string())


def _coded(column: Any) -> Coded:
    """Codes in the order of the sorted texts, so that they do not depend on the order of the rows."""
    import pyarrow.compute as pc

    array = column.unify_dictionaries().combine_chunks()
    chunks = array.chunks if hasattr(array, "chunks") else [array]
    if not chunks:
        return Coded([], np.zeros(0, dtype=np.int32))
    texts = chunks[0].dictionary.to_pylist()
    codes = np.concatenate(
        [pc.fill_null(chunk.indices, -1).to_numpy(zero_copy_only=False) for chunk in chunks]
    ).astype(np.int32, copy=False)
    used = np.unique(codes[codes >= 0])
    names = sorted({texts[code] for code in used})
    position = {name: index for index, name in enumerate(names)}
    lookup = np.array([position.get(text, -1) for text in texts] + [-1], dtype=np.int32)
    return Coded(names, lookup[codes])


def _filled(column: Any, empty: Any, dtype: Any) -> NDArray[Any]:
    """The column as an array, nulls (and NaN scores) as `empty`."""
    import pyarrow.compute as pc

    if isinstance(empty, float) and column.type not in ("double", "float"):
        column = column.cast("double")
    values: NDArray[Any] = pc.fill_null(column, empty).to_numpy().astype(dtype, copy=False)
    return values
