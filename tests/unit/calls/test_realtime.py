import asyncio
import io
import json
import socket
import time
from collections import Counter

import pytest

from splitplot.calls.credentials import CredentialRefused
from splitplot.calls.dispatch import Reply, dispatch, run
from splitplot.calls.progress import Progress
from splitplot.calls.realtime import answer
from splitplot.calls.records import Request, Response, request_key

KEY = "sk-test-0123456789abcdef"
pytestmark = pytest.mark.usefixtures("short_backoff")


def endpoint(url, **changes):
    return {
        "base_url": f"{url}/v1",
        "api_key_env": "TEST_KEY",
        "model": "fake",
        "headers": {},
        "max_concurrency": 32,
        "request_timeout_s": 5,
        "total_timeout_s": 60,
        "max_attempts": 8,
        "requests_per_minute": None,
        "tokens_per_minute": None,
    } | changes


def requests(name, count):
    """Sums with a mark of their own, so that the server's counts of two tests do not mix."""
    bodies = [
        {"messages": [{"role": "user", "content": f"{name}: {n} + 1"}], "max_tokens": 9}
        for n in range(count)
    ]
    return [Request(request_key("fake", body, 0), body) for body in bodies]


class Outcome:
    """What a call of `answer` did: responses by key, attempts sent, requests taken from the feed."""

    def __init__(self):
        self.responses, self.sent, self.taken, self.error = {}, Counter(), 0, None
        self.doubled = 0

    @property
    def outcomes(self):
        return Counter(r.outcome for r in self.responses.values())

    @property
    def errors(self):
        return Counter(r.error["type"] for r in self.responses.values() if r.error)


def ask(where, wanted, *, api_key=KEY, after=None, engine=None, progress=None, record=None):
    """Run `answer` over `wanted`; after(outcome, stop) is called once per recorded response."""
    outcome = Outcome()

    async def main():
        stop = asyncio.Event()

        async def feed():
            for request in wanted:
                outcome.taken += 1
                yield request

        def keep(response):
            outcome.doubled += response.key in outcome.responses
            outcome.responses[response.key] = response
            if record is not None:
                record(response)
            if after is not None:
                after(outcome, stop)

        def on_send(request, attempt, paid):
            outcome.sent[request.key] += 1
            assert outcome.sent[request.key] == attempt

        def price(usage):
            return 0.001 * (usage.output_tokens or 0)

        await answer(
            feed(),
            where,
            api_key=api_key,
            record=keep,
            on_send=on_send,
            price=price,
            engine=engine,
            stop=stop,
            progress=progress,
        )

    try:
        run(main())
    except Exception as error:
        outcome.error = error
    return outcome


def must(outcome):
    if outcome.error is not None:
        raise outcome.error
    return outcome


def test_every_request_gets_one_complete_response(server):
    wanted = requests("complete", 50)
    outcome = must(ask(endpoint(server.url), wanted))
    assert list(outcome.outcomes.items()) == [("ok", 50)] and outcome.doubled == 0
    response = outcome.responses[wanted[7].key]
    assert response.text == "The answer is 8"  # arithmetic: 7 + 1
    assert response.finish_reason == "stop" and response.error is None and response.attempts == 1
    assert response.usage.output_tokens == 4 and response.usd == pytest.approx(0.004)
    assert response.provider_model == "fake-2025-01-01" and response.route == "realtime"
    assert response.provider_id.startswith("chatcmpl-") and response.request_id.startswith("req-")
    assert response.started_at <= response.finished_at and 0 < response.latency_s < 5
    assert response.raw["usage"]["prompt_tokens"] == response.usage.input_tokens
    assert Response.from_json(json.loads(json.dumps(response.to_json()))) == response


def test_every_fault_that_passes_is_retried_until_every_answer_is_there(server):
    kinds = ("429", "500", "503", "reset", "cut", "malformed", "slow", "empty")
    server.faults(seed=3, heals_after=4, slow_s=0.1, **dict.fromkeys(kinds, 0.06))
    outcome = must(ask(endpoint(server.url), requests("faults", 80)))
    assert list(outcome.outcomes.items()) == [("ok", 80)] and outcome.doubled == 0
    assert sum(outcome.sent.values()) > 80
    assert all(outcome.sent[key] == r.attempts for key, r in outcome.responses.items())


def test_a_hanging_call_is_ended_by_the_timeout_and_sent_again(server):
    server.faults(hang=1, heals_after=1)
    outcome = must(ask(endpoint(server.url, request_timeout_s=0.2), requests("hang", 3)))
    assert [r.outcome for r in outcome.responses.values()] == ["ok"] * 3
    assert set(outcome.sent.values()) == {2}


def test_after_the_last_attempt_the_failure_is_a_row(server):
    server.faults(**{"500": 1})
    outcome = must(ask(endpoint(server.url, max_attempts=2), requests("rows", 4)))
    assert len(outcome.responses) == 4 and set(outcome.sent.values()) == {2}
    for response in outcome.responses.values():
        assert response.outcome == "error" and response.attempts == 2
        assert response.error == {"type": "server_error", "message": "fault 500", "status": 500}


def test_the_total_timeout_ends_the_retries(server):
    server.faults(**{"503": 1}, retry_after=0.3)
    began = time.monotonic()
    outcome = must(
        ask(endpoint(server.url, total_timeout_s=1, max_attempts=99), requests("total", 2))
    )
    assert time.monotonic() - began < 3
    assert outcome.outcomes == {"error": 2} and max(outcome.sent.values()) < 5


def test_retry_after_is_honoured(server):
    server.faults(**{"429": 1}, heals_after=1, retry_after=0.7)
    began = time.monotonic()
    must(ask(endpoint(server.url), requests("retry-after", 2)))
    assert 0.7 <= time.monotonic() - began < 4


def test_a_limit_of_calls_at_a_time_is_found_and_kept_near(server):
    server.faults(max_in_flight=6, latency_ms=10, retry_after=None)
    outcome = must(ask(endpoint(server.url, max_attempts=12), requests("limit", 150)))
    assert outcome.outcomes == {"ok": 150}
    assert sum(outcome.sent.values()) < 300  # without adapting, most calls would be refused


def test_a_wait_longer_than_the_total_timeout_is_a_row_at_once(server):
    server.faults(**{"429": 1}, retry_after=3600)
    outcome = must(ask(endpoint(server.url), requests("daily", 3)))
    assert outcome.errors == {"rate_limited": 3} and set(outcome.sent.values()) == {1}


def test_spent_rate_limit_headers_hold_the_next_calls_back(server):
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "400ms"}
    server.faults(rate_limit_headers=headers)
    began = time.monotonic()
    must(ask(endpoint(server.url, max_concurrency=1), requests("headers", 3)))
    assert 0.8 <= time.monotonic() - began < 4


def test_requests_per_minute_spread_the_calls(server):
    began = time.monotonic()
    must(ask(endpoint(server.url, requests_per_minute=600), requests("rpm", 8)))
    assert 0.65 <= time.monotonic() - began < 4  # ten a second, the first at once


@pytest.mark.parametrize("settings", [{"all_401": True}, {"require_key": "another"}])
def test_a_refused_key_stops_the_job_by_the_name_of_its_variable(server, settings):
    server.faults(**settings)
    outcome = ask(endpoint(server.url), requests("401", 500))
    assert isinstance(outcome.error, CredentialRefused)
    assert "TEST_KEY" in str(outcome.error) and "127.0.0.1" in str(outcome.error)
    assert KEY not in str(outcome.error)
    assert not outcome.responses and outcome.taken < 40


def test_a_keyless_endpoint_that_wants_a_key_says_where_to_name_it(server):
    server.faults(all_401=True)
    where = endpoint(server.url, api_key_env=None)
    outcome = ask(where, requests("nokey", 3), api_key=None)
    assert "api_key_env" in str(outcome.error)


def test_a_key_that_no_header_may_hold_is_named_not_shown(server):
    outcome = ask(endpoint(server.url), requests("badkey", 1), api_key="sk-se cret\nX: y")
    assert "TEST_KEY" in str(outcome.error) and "cret" not in str(outcome.error)
    assert not outcome.sent


def test_an_empty_account_stops_the_job_and_keeps_what_was_answered(server):
    wanted = requests("quota", 200)

    def spend(outcome, stop):
        if len(outcome.responses) == 20:
            server.faults(insufficient_quota=True)

    outcome = ask(endpoint(server.url), wanted, after=spend)
    assert isinstance(outcome.error, CredentialRefused) and "money" in str(outcome.error)
    assert outcome.outcomes == {"ok": len(outcome.responses)}
    assert 20 <= len(outcome.responses) < 200


def test_a_model_that_does_not_exist_leaves_rows_not_calls(server):
    server.faults(unknown_model=True)
    outcome = must(ask(endpoint(server.url), requests("gone", 300)))
    assert outcome.outcomes == {"error": 300} and outcome.errors == {"model_not_found": 300}
    assert sum(outcome.sent.values()) < 50
    unsent = [r for r in outcome.responses.values() if r.attempts == 0]
    assert len(unsent) == 300 - sum(outcome.sent.values())
    assert unsent[0].error["message"].startswith("not sent: The model `fake` does not exist")
    assert unsent[0].error["status"] == 404


def test_after_a_success_each_failure_speaks_for_itself_alone(server):
    wanted = requests("mixed", 40)

    def turn(outcome, stop):
        if len(outcome.responses) == 5:
            server.faults(bad_request=True)

    outcome = must(ask(endpoint(server.url, max_concurrency=2), wanted, after=turn))
    assert sum(outcome.sent.values()) == 40 and outcome.outcomes["error"] >= 30


def test_malformed_answers_that_may_be_charged_do_not_go_on_for_ever(server):
    server.faults(empty=1)
    outcome = must(ask(endpoint(server.url, max_attempts=2), requests("charged", 100)))
    assert outcome.errors == {"malformed": 100}
    assert sum(outcome.sent.values()) < 80


def test_the_key_is_hidden_where_the_server_repeats_it(server):
    server.faults(echo_key=True)
    outcome = must(ask(endpoint(server.url), requests("echo", 1)))
    server.faults(bad_request=True)
    refused = must(ask(endpoint(server.url), requests("echo", 2)))
    (response,) = outcome.responses.values()
    assert response.raw["echo"] == {"authorization": "Bearer [redacted]"}
    texts = [json.dumps(r.to_json()) for r in (response, *refused.responses.values())]
    assert not any(KEY in text for text in texts) and "[redacted]" in texts[-1]


def test_an_answer_beyond_the_limit_of_size_is_an_error(server):
    server.faults(huge=1)
    outcome = must(ask(endpoint(server.url), requests("huge", 1)))
    assert outcome.errors == {"too_large": 1} and sum(outcome.sent.values()) == 1


def test_nothing_listening_is_a_row_per_request():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    outcome = must(ask(endpoint(url, max_attempts=2), requests("nobody", 3)))
    assert outcome.errors == {"connection": 3} and set(outcome.sent.values()) == {2}


def test_stop_sends_nothing_more_and_records_what_is_in_flight(server):
    server.faults(latency_ms=300)
    began = time.monotonic()

    def stop_at_first(outcome, stop):
        stop.set()

    outcome = must(ask(endpoint(server.url), requests("stop", 500), after=stop_at_first))
    assert time.monotonic() - began < 3
    assert outcome.outcomes == {"ok": sum(outcome.sent.values())}  # each sent call is recorded
    assert 8 <= outcome.taken <= 18 and outcome.taken - sum(outcome.sent.values()) <= 1


def test_stop_ends_a_feed_that_waits_and_retries_that_sleep(server):
    server.faults(**{"429": 1}, retry_after=30)
    began, sent = time.monotonic(), Counter()

    async def main():
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.5, stop.set)

        async def feed():
            for request in requests("waits", 2):
                yield request
            await asyncio.Event().wait()

        await answer(
            feed(),
            endpoint(server.url),
            api_key=KEY,
            record=lambda response: pytest.fail("nothing was answered"),
            on_send=lambda request, attempt, paid: sent.update([request.key]),
            price=lambda usage: None,
            stop=stop,
        )

    run(main())
    assert time.monotonic() - began < 3 and sum(sent.values()) == 2


@pytest.mark.parametrize(("fault", "paid"), [("malformed", True), ("cut", True), ("500", False)])
def test_a_retry_is_asked_for_and_told_whether_the_attempt_before_may_be_billed(
    server, fault, paid
):
    server.faults(**{fault: 1.0})
    asked, recorded = [], []

    def on_send(request, attempt, paid):
        asked.append((attempt, paid))
        return attempt < 3

    async def main():
        async def feed():
            for request in requests(f"room-{fault}", 1):
                yield request

        await answer(
            feed(),
            endpoint(server.url),
            api_key=KEY,
            record=recorded.append,
            on_send=on_send,
            price=lambda usage: None,
            stop=asyncio.Event(),
        )

    run(main())
    assert asked == [(1, False), (2, paid), (3, paid)]
    (response,) = recorded
    assert (response.outcome, response.attempts) == ("error", 2)
    assert response.error["message"].endswith("the cap left no room for another attempt")


def test_a_stop_before_the_start_sends_nothing(server):
    async def main():
        stop = asyncio.Event()
        stop.set()

        async def feed():
            for request in requests("early", 3):
                yield request

        def forbidden(*_):
            raise AssertionError("sent after stop")

        where = endpoint(server.url)
        await answer(
            feed(),
            where,
            api_key=KEY,
            record=forbidden,
            on_send=forbidden,
            price=forbidden,
            stop=stop,
        )

    run(main())


def test_an_error_of_the_journal_ends_the_job(server):
    def full(response):
        raise OSError(28, "No space left on device")

    outcome = ask(endpoint(server.url), requests("disk", 200), record=full)
    assert isinstance(outcome.error, OSError) and outcome.taken < 40


def test_an_error_of_the_feed_ends_the_job_after_what_is_in_flight(server):
    server.faults(latency_ms=100)
    recorded = []

    async def main():
        async def feed():
            for request in requests("feed", 5):
                yield request
            raise RuntimeError("cap reached")

        await answer(
            feed(),
            endpoint(server.url),
            api_key=KEY,
            record=recorded.append,
            on_send=lambda request, attempt, paid: None,
            price=lambda usage: None,
            stop=asyncio.Event(),
        )

    with pytest.raises(RuntimeError, match="cap reached"):
        run(main())
    assert len(recorded) == 5


def test_a_seed_per_request_comes_from_the_key_and_is_recorded(server):
    wanted = requests("seed", 3)
    engine = {"seed": "per-request", "slots": 8}
    outcome = must(ask(endpoint(server.url), wanted, engine=engine))
    for request in wanted:
        expected = int(request.key[:8], 16) & 0x7FFFFFFF
        assert outcome.responses[request.key].engine == {"seed": expected, "slots": 8}
        assert 0 <= expected < 2**31
    assert engine == {"seed": "per-request", "slots": 8}


def test_a_server_killed_and_restarted_on_its_port_loses_no_answer(tmp_path, start_server):
    faults = {"latency_ms": 20}
    servers = [start_server(tmp_path / "state", faults=faults)]

    def restart(outcome, stop):
        if len(outcome.responses) in (30, 90) and len(servers) < 3:
            servers[-1].kill()
            servers.append(start_server(tmp_path / "state", servers[0].port, faults))

    outcome = must(ask(endpoint(servers[0].url), requests("restart", 150), after=restart))
    stats = servers[-1].stats()
    assert len(servers) == 3 and outcome.outcomes == {"ok": 150} and outcome.doubled == 0
    assert stats["keys_completed"] == 150  # counted across the restarts
    assert len(stats["completed_more_than_once"]) <= 2 * 32


def test_the_progress_line_is_drawn_on_a_terminal_only(server):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown, silent = Terminal(), io.StringIO()
    for stream in (shown, silent):
        progress = Progress(20, label="demo", stream=stream)
        must(ask(endpoint(server.url), requests("progress", 20), progress=progress))
    assert silent.getvalue() == ""
    assert shown.getvalue().count("\n") == 1 and shown.getvalue().startswith("\r")
    last = shown.getvalue().rsplit("\r", 1)[1]
    assert last.startswith("demo: 20/20, ") and "0 errors, $0.0800, 0 in flight" in last


def test_the_proxy_of_the_environment_is_used_but_never_for_this_machine(server, monkeypatch):
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("http_proxy", server.url)  # a server takes a proxy's absolute URLs too
    assert must(ask(endpoint("http://model.test"), requests("proxy", 2))).outcomes == {"ok": 2}
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert must(ask(endpoint(server.url), requests("proxy", 3))).outcomes == {"ok": 3}
    blocked = must(ask(endpoint("http://model.test", max_attempts=1), requests("proxy", 1)))
    assert blocked.errors == {"connection": 1}


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_limit_is_sent_under_the_name_that_the_endpoint_knows(field):
    sent = []

    async def send(body, timeout_s):
        sent.append(body)
        choice = {"message": {"content": "4"}, "finish_reason": "stop"}
        return Reply({"choices": [choice]}, {}, 200)

    async def main():
        async def feed():
            for request in requests("limit", 1):
                yield request

        await dispatch(
            feed(),
            endpoint("http://127.0.0.1:1", max_tokens_field=field),
            send,
            record=lambda response: None,
            on_send=lambda request, attempt, paid: None,
            price=lambda usage: None,
            route="realtime",
            engine=None,
            stop=asyncio.Event(),
            progress=None,
        )

    run(main())
    assert [body[field] for body in sent] == [9]
    assert {"max_tokens", "max_completion_tokens"} & sent[0].keys() == {field}
