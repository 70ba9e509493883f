"""Groq's batch API: OpenAI's, with windows from a day to a week and a listing by cursor."""

from collections.abc import Mapping
from typing import Any, ClassVar

from splitplot.calls.batch.openai_like import OpenAILike
from splitplot.calls.batch.protocol import Limits


class Groq(OpenAILike):
    """The limit of bytes is that of its guide; its client library names 100 MB."""

    name = "groq"
    limits = Limits(requests=50_000, bytes=200_000_000)
    default_url = "https://api.groq.com/openai/v1"
    default_key_env = "GROQ_API_KEY"
    window_h = (24, 168)
    newest_first = False
    first_page: ClassVar[Mapping[str, Any]] = {}

    def next_page(self, answer: Any, page: list[dict[str, Any]]) -> dict[str, Any] | None:
        """The cursor that the answer names, as long as it names one."""
        paging = answer.get("paging") if isinstance(answer, dict) else None
        cursor = paging.get("next_cursor") if isinstance(paging, dict) else None
        return {"cursor": cursor} if isinstance(cursor, str) and cursor else None
