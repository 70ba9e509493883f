"""Groq's Files and Batch API: OpenAI's under /openai/v1, its listing by cursor."""

from aiohttp import web
from batch_server import Core, load

openai = load("openai")
TOKEN_LIMIT, foreign = openai.TOKEN_LIMIT, openai.foreign


def routes(core: Core) -> list[web.RouteDef]:
    from groq.types.batch_create_params import BatchCreateParams
    from groq.types.chat.completion_create_params import CompletionCreateParams

    dialect = openai.Dialect(
        BatchCreateParams,
        CompletionCreateParams,
        page_by="cursor",
        windows=("24h", "2d", "3d", "4d", "5d", "6d", "7d", *(f"{h}h" for h in range(25, 169))),
    )
    return openai.table(core, "/openai/v1", dialect)
