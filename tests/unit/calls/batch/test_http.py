"""Calls to a provider over a real connection: what is repeated, what never is, what stays hidden."""

import asyncio
import tracemalloc
from collections import Counter

import pytest
from aiohttp import web

from splitplot.calls.batch import http as http_module
from splitplot.calls.batch.http import HttpFailure, connect

SECRET = "sk-test-0123456789abcdef"
DATA = bytes(range(256)) * 4000


class Place:
    """A server whose answers are scripted: one handler per call, the last one for all that follow."""

    def __init__(self, *handlers):
        self.handlers, self.calls, self.requests, self.sizes = list(handlers), Counter(), [], []

    async def __call__(self, request):
        self.calls[request.method] += 1
        self.requests.append(request)
        size = 0
        async for chunk in request.content.iter_chunked(1 << 16):
            size += len(chunk)
        self.sizes.append(size)
        handler = self.handlers.pop(0) if len(self.handlers) > 1 else self.handlers[0]
        return await handler(request)


def says(body, status=200, **headers):
    async def answer(_request):
        return web.json_response(body, status=status, headers=headers)

    return answer


def sends(data, status=200, **headers):
    async def answer(_request):
        return web.Response(body=data, status=status, headers=headers)

    return answer


async def resets(request):
    request.transport.abort()
    return web.Response()


async def hangs(request):
    while request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(0.02)
    return web.Response()


async def half(request):
    answer = web.StreamResponse()
    answer.content_length = len(DATA)
    await answer.prepare(request)
    await answer.write(DATA[: len(DATA) // 2])
    await asyncio.sleep(0.02)
    request.transport.abort()
    return answer


async def serving(handler):
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"


@pytest.fixture
def at():
    """at(place, work, …) -> (what work(http) returned, or its HttpFailure; the waits)."""

    def run(place, work, **options):
        async def main():
            waits = []

            async def sleep(seconds):
                waits.append(seconds)

            runner, url = await serving(place)
            headers = {"Authorization": f"Bearer {SECRET}", "x-mine": "1"}
            options.setdefault("timeout_s", 10)
            try:
                async with connect(url, headers, SECRET, sleep=sleep, **options) as http:
                    try:
                        return await work(http), waits
                    except HttpFailure as failure:
                        return failure, waits
            finally:
                await runner.cleanup()

        return asyncio.run(main())

    return run


def test_a_read_is_repeated_until_it_is_answered(at):
    place = Place(
        says({}, 500), says({}, 429, **{"Retry-After": "7"}), resets, hangs, says({"a": 1})
    )
    answer, waits = at(place, lambda http: http.get("/x", {"q": "1"}), timeout_s=0.5)
    assert answer == {"a": 1} and place.calls["GET"] == 5
    # aiohttp itself repeats a read at once where a connection that was kept has gone
    assert len(waits) in (3, 4)
    assert waits[1] >= 7
    assert {request.query_string for request in place.requests} == {"q=1"}


def test_a_read_gives_up_after_so_many_attempts(at):
    place = Place(says({"error": {"message": "down"}}, 503))
    failure, _ = at(place, lambda http: http.get("/x"), attempts=3)
    assert failure.status == 503 and "down" in str(failure) and place.calls["GET"] == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_a_repetition_cannot_mend_is_asked_once(status, at):
    place = Place(says({"error": {"message": "no"}}, status))
    failure, _ = at(place, lambda http: http.get("/x"))
    assert failure.status == status and place.calls["GET"] == 1
    assert not failure.may_have_worked


@pytest.mark.parametrize(
    ("answer", "may_have_worked"),
    [
        (says({}, 500), True),
        (says({}, 503), True),
        (says({}, 408), True),
        (says({}, 429), False),
        (says({}, 400), False),
        (says({}, 409), False),
        (says({}, 302), False),
        (sends(b'{"id": "ba'), True),
        (resets, True),
        (hangs, True),
    ],
)
def test_a_call_that_is_made_once_is_never_repeated(answer, may_have_worked, at):
    place = Place(answer)
    timeout_s = 0.2 if answer is hangs else 10
    failure, waits = at(
        place, lambda http: http.post("/x", {"a": 1}, once=True), timeout_s=timeout_s
    )
    assert isinstance(failure, HttpFailure) and failure.may_have_worked == may_have_worked
    assert place.calls["POST"] == 1 and waits == []


def test_nobody_at_the_address_cannot_have_done_anything(at):
    async def work(http):
        http.base_url = "http://127.0.0.1:9"
        return await http.post("/x", {}, once=True)

    failure, _ = at(Place(says({})), work)
    assert not failure.may_have_worked


def test_a_write_that_may_be_repeated_is(at):
    place = Place(resets, says({}, 500), says({"ok": True}))
    assert at(place, lambda http: http.post("/x", {"a": 1}, once=False))[0] == {"ok": True}
    assert at(Place(resets, says({"d": 1})), lambda http: http.delete("/x"))[0] == {"d": 1}


def test_an_empty_answer_is_none(at):
    assert at(Place(sends(b"")), lambda http: http.post("/x", once=True))[0] is None


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large.jsonl"
    with path.open("wb") as file:
        for _ in range(48):
            file.write(b"x" * (1 << 20))
    return path


@pytest.mark.parametrize("how", ["upload", "post_file", "put_file"])
def test_an_upload_is_streamed_and_repeated_from_its_start(how, large, at):
    place = Place(says({}, 500), says({"id": "f"}))

    async def work(http):
        tracemalloc.start()
        if how == "upload":
            answer = await http.upload("/x", {"purpose": "batch"}, large, "in.jsonl")
        elif how == "post_file":
            answer, _ = await http.post_file("/x", large, once=False)
        else:
            answer, _ = await http.put_file(f"{http.base_url}/x", large)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return answer, peak

    (answer, peak), _ = at(place, work, timeout_s=30)
    assert answer == {"id": "f"}
    assert len(place.sizes) == 2 and place.sizes[0] == place.sizes[1] >= 48 << 20
    assert peak < 16 << 20  # of 48 MiB, sent twice, both ends in this process


def test_an_upload_that_nobody_reads_ends(large, at, monkeypatch):
    monkeypatch.setattr(http_module, "SLOWEST_BYTES_S", 1e12)

    async def deaf(_request):
        await asyncio.sleep(60)

    failure, _ = at(deaf, lambda http: http.upload("/x", {}, large, "f", once=True), timeout_s=0.3)
    assert failure.failure.type == "timeout"


def test_a_signed_address_gets_no_header_of_ours_and_its_redirections_are_followed(tmp_path, at):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    place = Place(sends(b"", 307, Location="/elsewhere?b=2"), sends(b""))

    async def work(http):
        return await http.put_file(f"{http.base_url}/signed?a=1", path)

    at(place, work)
    assert place.sizes == [len(DATA), len(DATA)]
    assert [str(request.rel_url) for request in place.requests] == ["/signed?a=1", "/elsewhere?b=2"]
    for request in place.requests:
        assert "Authorization" not in request.headers and "x-mine" not in request.headers


def test_a_torn_download_is_fetched_again(tmp_path, at):
    to = tmp_path / "out"
    place = Place(half, resets, says({}, 500), sends(DATA))
    at(place, lambda http: http.download("/x", to))
    assert to.read_bytes() == DATA


def test_a_download_that_stays_torn_is_a_failure_and_leaves_no_file(tmp_path, at):
    folder = tmp_path / "downloads"
    place = Place(half)
    failure, _ = at(place, lambda http: http.download("/x", folder / "out"), attempts=3)
    assert isinstance(failure, HttpFailure) and place.calls["GET"] == 3
    assert list(folder.iterdir()) == []


def test_a_download_from_elsewhere_does_not_get_our_key(tmp_path, at):
    async def work(http):
        other = Place(sends(DATA))
        runner, url = await serving(other)
        place.handlers = [sends(b"", 302, Location=f"{url}/signed")]
        try:
            await http.download("/x", tmp_path / "out")
        finally:
            await runner.cleanup()
        return other

    place = Place(says({}))
    other, _ = at(place, work)
    assert (tmp_path / "out").read_bytes() == DATA
    assert "Authorization" in place.requests[0].headers
    assert not {"Authorization", "x-mine"} & set(other.requests[0].headers)


def test_a_download_that_is_redirected_for_ever_ends(tmp_path, at):
    place = Place(sends(b"", 302, Location="/x"))
    failure, _ = at(place, lambda http: http.download("/x", tmp_path / "out"), attempts=1)
    assert "redirections" in str(failure) and not (tmp_path / "out").exists()


def test_the_key_is_hidden_wherever_a_provider_repeats_it(at):
    place = Place(says({"error": {"message": f"bad key {SECRET}", "code": SECRET}}, 400))
    failure, _ = at(place, lambda http: http.get("/x"))
    assert SECRET not in f"{failure} {failure.body} {failure.failure}"
    assert at(Place(says({"a": [SECRET]})), lambda http: http.get("/x"))[0] == {"a": ["[redacted]"]}
    failure, _ = at(Place(sends(SECRET.encode(), 400)), lambda http: http.get("/x"))
    assert SECRET not in f"{failure} {failure.body}"


def test_headers_of_ours_go_along_with_every_call(at):
    place = Place(says({}))

    async def work(http):
        await http.get("/x")
        await http.post("/x", {}, once=True, headers={"more": "2"})
        assert http.header("x-mine") == "1" and http.header("none") is None
        return await http.raw("POST", "/x", fields={"a": "b"})

    (_, _, status), _ = at(place, work)
    assert status == 200
    assert all(r.headers["Authorization"] == f"Bearer {SECRET}" for r in place.requests)
    assert place.requests[1].headers["more"] == "2"
    assert place.requests[2].headers["Content-Type"].startswith("multipart/form-data; boundary=")


def test_a_raw_call_gives_redirections_back(at):
    place = Place(sends(b"", 302, Location="/y"))
    (body, headers, status), _ = at(place, lambda http: http.raw("POST", "/x", body={}))
    assert (body, headers["Location"], status) == (None, "/y", 302)
