"""Azure OpenAI's batch API: OpenAI's, with a deployment for a model and two ways to address it.

`api_version: null` speaks to {base_url}/openai/v1/…, a dated one to {base_url}/openai/…?api-version=….
A batch that takes longer than its window goes on.
"""

from collections.abc import Mapping
from typing import Any

from splitplot.calls.batch.http import Http
from splitplot.calls.batch.openai_like import OpenAILike, unreadable
from splitplot.calls.batch.protocol import Limits, Order

_VERSION = "api-version"
_FILE_WAIT_S, _FILE_LOOKS = 5.0, 60
_FILE_IS_NEW = {"pending", "running", "notrunning", "uploading"}


class Azure(OpenAILike):
    """The order's model is the name of a Global Batch deployment, one a file."""

    name = "azure"
    limits = Limits(requests=100_000, bytes=200_000_000)
    default_url = ""
    default_key_env = "AZURE_API_KEY"
    endpoint = url = "/chat/completions"
    max_tokens_field = "max_completion_tokens"
    newest_first = False

    def headers(self, api_key: str | None, settings: Mapping[str, Any]) -> dict[str, str]:
        """The key in a header of Azure's own; the version rides along, for every path depends on it."""
        key = {"api-key": api_key} if api_key else {}
        version = settings.get("api_version")
        dated = {_VERSION: str(version)} if version else {}
        return {**(settings.get("headers") or {}), **dated, **key}

    async def upload(self, http: Http, order: Order) -> dict[str, Any]:
        """Send the file and wait until it may be used: a create call before that is refused."""
        refs = await super().upload(http, order)
        for _ in range(_FILE_LOOKS):
            file = await http.get(self.at(http, f"{self.files}/{refs['input_file_id']}"))
            state = file.get("status") if isinstance(file, dict) else None
            if not isinstance(state, str) or state.lower() not in _FILE_IS_NEW:
                return refs
            await http.sleep(_FILE_WAIT_S)
        raise unreadable("a processed file, minutes after its upload")

    def at(self, http: Http, path: str) -> str:
        """Under /openai, whether or not the base URL says so."""
        base = http.base_url.removesuffix("/v1").removesuffix("/openai")
        version = http.header(_VERSION)
        return f"{base}/openai{path}?{_VERSION}={version}" if version else f"{base}/openai/v1{path}"
