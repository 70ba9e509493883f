import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from collections import Counter

import pytest

from splitplot.calls.credentials import CredentialRefused
from splitplot.calls.litellm_route import answer
from splitplot.calls.records import Request, request_key

KEY = "sk-test-0123456789abcdef"
ANTHROPIC = "anthropic/claude-haiku-4-5"
pytestmark = pytest.mark.usefixtures("short_backoff")


@pytest.fixture(scope="module")
def url(shared_server):
    return shared_server.url


def ask(url, name, count=1, *, model="openai/fake", **changes):
    """Responses in the order of their requests, and attempts sent per key."""
    base = url if model == ANTHROPIC else f"{url}/v1"
    endpoint = {"base_url": base, "api_key_env": "TEST_KEY", "model": model, "headers": {}}
    endpoint |= {"max_concurrency": 4, "max_attempts": 4}
    endpoint |= {"request_timeout_s": 5, "total_timeout_s": 30} | changes
    bodies = [
        {"messages": [{"role": "user", "content": f"{name}: {n} + 1"}], "max_tokens": 9}
        for n in range(count)
    ]
    wanted = [Request(request_key(model, body, 0), body) for body in bodies]
    responses, sent = {}, Counter()

    async def main():
        async def feed():
            for request in wanted:
                yield request

        await answer(
            feed(),
            endpoint,
            api_key=KEY,
            record=lambda response: responses.update({response.key: response}),
            on_send=lambda request, attempt, paid: sent.update([request.key]),
            price=lambda usage: 0.5,
            stop=asyncio.Event(),
        )

    asyncio.run(main())
    return [responses[request.key] for request in wanted], sent


def set_faults(url, **faults):
    urllib.request.urlopen(f"{url}/faults", data=json.dumps(faults).encode()).read()


@pytest.mark.parametrize("model", ["openai/fake", ANTHROPIC])
def test_answers_come_over_the_wire_of_each_provider(url, model):
    set_faults(url)
    responses, _ = ask(url, "wire", 3, model=model)
    assert [r.text for r in responses] == [f"The answer is {n + 1}" for n in range(3)]
    first = responses[0]
    assert (first.outcome, first.finish_reason, first.route) == ("ok", "stop", "litellm")
    assert first.usage.output_tokens == 4 and first.usd == 0.5
    assert first.request_id.startswith("req-") and json.dumps(first.to_json())
    assert os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [
        ("429", "rate_limited", 429),
        ("500", "server_error", 500),
        ("503", "server_error", 503),
        ("cut", "connection", None),
        ("reset", "connection", None),
        ("malformed", "malformed", 200),
    ],
)
@pytest.mark.parametrize("model", ["openai/fake", ANTHROPIC])
def test_a_fault_means_the_same_as_on_the_real_time_route(url, fault, error, status, model):
    set_faults(url, **{fault: 1})
    (response,), sent = ask(url, f"fault {fault}", model=model, max_attempts=2)
    assert (response.outcome, response.error["type"]) == ("error", error)
    assert response.error["status"] == status
    assert response.attempts == 2 == sent[response.key]


def test_litellm_itself_never_sends_twice(url):
    set_faults(url, **{"500": 1})
    before = json.load(urllib.request.urlopen(f"{url}/stats"))["received"]
    ask(url, "once", 3, max_attempts=1)
    assert json.load(urllib.request.urlopen(f"{url}/stats"))["received"] - before == 3


def test_a_hanging_call_is_ended_by_the_timeout_and_sent_again(url):
    set_faults(url, hang=1, heals_after=1)
    (response,), sent = ask(url, "hang", request_timeout_s=0.5)
    assert response.outcome == "ok" and sent[response.key] == 2


def test_a_model_that_does_not_exist_is_a_row(url):
    set_faults(url, unknown_model=True)
    responses, sent = ask(url, "gone", 30)
    assert {r.error["type"] for r in responses} == {"model_not_found"}
    assert sum(sent.values()) < 20


@pytest.mark.parametrize("settings", [{"all_401": True}, {"insufficient_quota": True}])
def test_a_refused_key_and_an_empty_account_stop_the_job(url, settings):
    set_faults(url, **settings)
    with pytest.raises(CredentialRefused, match="TEST_KEY") as caught:
        ask(url, "refused", 20)
    assert KEY not in str(caught.value)


def test_the_key_is_hidden_where_the_server_repeats_it(url):
    set_faults(url, bad_request=True)
    responses, _ = ask(url, "echo")
    assert KEY not in json.dumps([r.to_json() for r in responses])
    assert "[redacted]" in responses[0].error["message"]


def test_importing_the_route_does_not_import_litellm():
    code = "import splitplot.calls.litellm_route, sys; print('litellm' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
