import json

import pytest

from splitplot.errors import ConfigError
from splitplot.items import load_items


@pytest.fixture
def load(tmp_path):
    """load(text, format="jsonl", **source) → the items of a file with this text or these bytes."""

    def load_text(text, format_="jsonl", **source):
        name = f"mine.{format_}"
        data = text if isinstance(text, bytes) else text.encode("utf-8")
        (tmp_path / name).write_bytes(data)
        resolved = {"kind": "path", "path": name, "format": format_, "map": {}, **source}
        return load_items([resolved], root=tmp_path)[0]

    return load_text


@pytest.fixture
def refusal(load):
    """refusal(text, …) → the message of the ConfigError with which the file is refused."""

    def message(text, format_="jsonl", **source):
        with pytest.raises(ConfigError) as caught:
            load(text, format_, **source)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return message


@pytest.fixture
def lines():
    """lines(row, …) → JSON lines."""
    return lambda *rows: "".join(json.dumps(row) + "\n" for row in rows)
