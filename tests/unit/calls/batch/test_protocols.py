"""The list of the providers whose batch APIs we speak."""

import inspect
import subprocess
import sys

import pytest

from splitplot.calls.batch.protocol import Limits, Provider
from splitplot.calls.batch.protocols import PROTOCOLS, provider
from splitplot.errors import ConfigError

METHODS = [
    name
    for name, value in vars(Provider).items()
    if inspect.isfunction(value) and not name.startswith("_")
]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_has_a_provider_that_offers_everything(name):
    found = provider(name)
    assert found.name == name and isinstance(found.limits, Limits)
    assert isinstance(found.tagged, bool) and found.default_key_env.endswith("_API_KEY")
    assert found.default_url == "" or found.default_url.startswith("https://")
    assert not found.default_url.endswith("/")
    for method in METHODS:
        theirs, ours = getattr(Provider, method), getattr(type(found), method)
        wanted = list(inspect.signature(theirs).parameters)
        assert list(inspect.signature(ours).parameters)[: len(wanted)] == wanted, method


def test_an_unknown_protocol_is_told_with_the_known_ones():
    with pytest.raises(ConfigError, match='did you mean "openai"'):
        provider("opena")


def test_providers_are_light_to_import_and_need_no_sdk():
    script = (
        "import sys\n"
        "from splitplot.calls.batch.protocols import PROTOCOLS, provider\n"
        "[provider(name) for name in PROTOCOLS]\n"
        "heavy = 'openai anthropic google groq mistralai together fireworks aiohttp pydantic'\n"
        "print(sorted(set(heavy.split()) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
