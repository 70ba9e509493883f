"""OpenAI's batch API: a file of lines, a batch of the file, a file of answers and one of errors."""

from splitplot.calls.batch.openai_like import OpenAILike
from splitplot.calls.batch.protocol import Limits


class OpenAI(OpenAILike):
    """One model and one endpoint a file; a queue that is full fails a batch after its creation."""

    name = "openai"
    limits = Limits(requests=50_000, bytes=200_000_000)
    default_url = "https://api.openai.com/v1"
    default_key_env = "OPENAI_API_KEY"
    max_tokens_field = "max_completion_tokens"
