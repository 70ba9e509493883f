"""Azure OpenAI's Files and Batch API: dated under /openai with ?api-version=, and under /openai/v1.

Setting `file_pending_s`: for so long a new file is "pending", and a batch of it is refused.
"""

from dataclasses import replace

from aiohttp import web
from batch_server import Core, load
from batch_store import Refuse

openai = load("openai")
foreign = openai.foreign
TOKEN_LIMIT = (
    "token_limit_exceeded",
    "The number of enqueued tokens has surpassed the configured limit for this deployment.",
)
CODES = {
    "mismatched_url": "url_mismatch",
    "mismatched_model": "model_mismatch",
    "empty_file": "empty_batch",
}


def routes(core: Core) -> list[web.RouteDef]:
    from openai.types.batch_create_params import BatchCreateParams
    from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

    both = ("/chat/completions", "/v1/chat/completions")
    dialect = openai.Dialect(
        BatchCreateParams,
        CompletionCreateParamsNonStreaming,
        lines=100_000,
        urls=dict.fromkeys(both, both),
        codes=CODES,
        empty_error_file=True,
        before=_before(),
    )
    v1 = openai.table(core, "/openai/v1", dialect)
    dated = openai.table(core, "/openai", replace(dialect, before=_before(dated=True)))
    return [*v1, *dated]


def _before(dated: bool = False):
    """What is asked of each call."""

    def check(request: web.Request) -> None:
        if dated and not request.query.get("api-version"):
            raise Refuse(404, "404", "Resource not found")
        if not dated and "api-version" in request.query:
            raise Refuse(400, "invalid_request", "api-version is not allowed with /openai/v1")
        if "api-key" not in request.headers and "Authorization" not in request.headers:
            raise Refuse(401, "401", "Access denied due to missing subscription key.")

    return check
