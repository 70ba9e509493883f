"""Fireworks' batch API, spoken with a misbehaving server; its official SDK speaks with the same one."""

import json
from dataclasses import replace

import pytest

from splitplot.calls.batch import fireworks, fireworks_datasets
from splitplot.calls.batch.fireworks import Fireworks
from splitplot.calls.batch.http import HttpFailure
from splitplot.calls.batch.protocol import Refused, Snapshot, Uncertain
from splitplot.calls.batch.protocols import provider
from splitplot.calls.records import Request
from splitplot.errors import ConfigError

KEY = "sk-test-0123456789abcdef"
MODEL = "accounts/fireworks/models/lab-model"
JOBS = "accounts/lab/batchInferenceJobs"
FIREWORKS = Fireworks()


@pytest.fixture
def do(use):
    """do(server, method, *args): a method of the module over a connection of its own."""

    def call(server, method, *args, **options):
        return use(
            FIREWORKS, server, lambda http: getattr(FIREWORKS, method)(http, *args), **options
        )

    return call


@pytest.fixture
def wanted(order):
    """wanted(server, n): an order for the account "lab"."""

    def make(server, n=3, **changes):
        settings = {"account": "lab"}
        return order(server, FIREWORKS, n, model=MODEL, settings=settings, **changes)

    return make


@pytest.fixture
def sent(do, wanted):
    """sent(server, n): an order whose lines have been uploaded."""

    def upload(server, n=3, **changes):
        made = wanted(server, n, **changes)
        return replace(made, refs=do(server, "upload", made))

    return upload


def keys_of(order):
    return order.keys.read_text().split()


# Against the official SDK


@pytest.fixture
def sdk():
    """fireworks' own client, without second tries, and strict about what it is answered."""
    import fireworks as official

    return lambda server: official.Fireworks(
        api_key=KEY,
        account_id="lab",
        base_url=server.url,
        max_retries=0,
        _strict_response_validation=True,
    )


def test_the_server_speaks_with_the_official_client(batch_server, sdk, tmp_path):
    import httpx

    server = batch_server("fireworks", run_s=60, foreign=2, page_size=2)
    client = sdk(server)
    lines = [
        {"custom_id": f"{i}", "body": {"messages": [{"role": "user", "content": "?"}]}}
        for i in "ab"
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = client.datasets.create(
        dataset_id="sp-in", dataset={"user_uploaded": {}, "example_count": "2"}
    )
    assert (made.name, made.state) == ("accounts/lab/datasets/sp-in", "UPLOADING")
    client.datasets.upload("sp-in", file=tmp_path / "a.jsonl")
    assert client.datasets.get("sp-in").state == "READY"
    job = client.batch_inference_jobs.create(
        batch_inference_job_id="sp-1",
        model=MODEL,
        input_dataset_id=made.name,
        output_dataset_id="accounts/lab/datasets/sp-out",
        display_name="sp-1",
    )
    assert (job.name, job.state) == (f"{JOBS}/sp-1", "JOB_STATE_RUNNING")
    listed = list(client.batch_inference_jobs.list())
    assert len(listed) == 3 and job.name in [found.name for found in listed]
    server.set(run_s=0)
    assert client.batch_inference_jobs.get("sp-1").state == "JOB_STATE_COMPLETED"
    urls = client.datasets.get_download_endpoint("sp-out").filename_to_signed_urls
    assert sorted(name.rpartition("/")[2] for name in urls) == ["BIJOutputSet.jsonl", "error-data"]
    texts = {name.rpartition("/")[2]: httpx.get(url).text for name, url in urls.items()}
    answers = [json.loads(line) for line in texts["BIJOutputSet.jsonl"].splitlines()]
    assert [answer["custom_id"] for answer in answers] == ["a", "b"]
    from fireworks.types.chat import CompletionCreateResponse

    assert all(
        CompletionCreateResponse.model_validate(answer["response"]).choices for answer in answers
    )
    client.datasets.delete("sp-in")
    client.batch_inference_jobs.delete("sp-1")


def test_the_official_client_uploads_by_signed_urls_as_we_do(shared_server, sdk, tmp_path):
    server = shared_server("fireworks")
    client = sdk(server)
    client.datasets.create(dataset_id="d", dataset={"user_uploaded": {}, "example_count": "1"})
    urls = client.datasets.get_upload_endpoint("d", filename_to_size={"a.jsonl": "4"})
    import httpx

    # The headers are those of fireworks.lib.dataset_upload.
    headers = {
        "Content-Type": "application/octet-stream",
        "X-Goog-Content-Length-Range": "4,4",
    }
    url = urls.filename_to_signed_urls["a.jsonl"]
    assert httpx.put(url, content=b"{}{}", headers=headers).status_code == 200
    assert client.datasets.get("d").state == "UPLOADING"
    client.datasets.validate_upload("d", body={})
    assert client.datasets.get("d").state == "READY"


def test_the_official_client_reads_what_we_make(shared_server, sdk, sent, do):
    server = shared_server("fireworks", run_s=60)
    ours = sent(server)
    made = do(server, "create", ours)
    job = sdk(server).batch_inference_jobs.get(ours.name)
    assert job.name == made.id == f"{JOBS}/{ours.name}"
    assert (job.display_name, job.model) == (ours.name, MODEL)
    assert job.input_dataset_id == f"accounts/lab/datasets/{ours.name}-in"
    assert job.output_dataset_id == made.refs["output"]
    assert sdk(server).datasets.get(f"{ours.name}-in").example_count == "3"


def test_we_know_every_state_that_the_official_client_knows():
    from typing import get_args

    from fireworks.types import BatchInferenceJob

    words = get_args(get_args(BatchInferenceJob.model_fields["state"].annotation)[0])
    read = {
        word: fireworks._read({"state": word}, "a/batchInferenceJobs/b").state for word in words
    }
    ended = {word.removeprefix("JOB_STATE_") for word, state in read.items() if state == "ended"}
    assert ended == {"COMPLETED", "FAILED", "CANCELLED", "EXPIRED", "EARLY_STOPPED"}


# From upload to answers


def test_it_is_found_under_its_name():
    assert isinstance(provider("fireworks"), Fireworks)


def test_every_request_is_answered(shared_server, sent, do, collect):
    usage = {"cached": 2, "reasoning": 1}
    server = shared_server("fireworks", answers="echo_key", usage=usage, ready_s=0.05)
    ours = sent(server, 5)
    made = do(server, "create", ours)
    seen = do(server, "look", made.id)
    assert (seen.state, seen.total, seen.done) == ("ended", 5, 5)
    assert (seen.tag, seen.error, seen.expired, seen.cancelled) == (ours.name, None, False, False)
    results = collect(FIREWORKS, server, seen)
    assert {r.key: r.text for r in results} == {key: key for key in keys_of(ours)}
    one = results[0]
    assert (one.outcome, one.finish_reason, one.provider_model) == ("ok", "stop", MODEL)
    assert (one.usage.cached_tokens, one.usage.reasoning_tokens, one.billed) == (2, 1, True)
    do(server, "discard", ours.refs)
    do(server, "discard", ours.refs)
    assert server.stats()["calls"]["delete"] == 2


def test_a_line_is_the_body_of_the_real_time_call_without_a_model():
    request = Request("k" * 32, {"messages": [], "max_tokens": 5, "seed": 7})
    assert FIREWORKS.line(request, MODEL) == {"custom_id": "k" * 32, "body": request.body}


def test_a_large_file_goes_to_a_signed_url_without_our_key(
    shared_server, sent, do, collect, monkeypatch
):
    monkeypatch.setattr(fireworks_datasets, "DIRECT_BYTES", 10)
    server = shared_server("fireworks", require_key=KEY)  # the store refuses a call with a key
    ours = sent(server)
    calls = server.stats()["calls"]
    assert (calls["upload_endpoint"], calls["validate_upload"]) == (1, 1)
    assert "upload" not in calls
    seen = do(server, "look", do(server, "create", ours).id)
    assert len(collect(FIREWORKS, server, seen)) == 3


def test_an_upload_that_is_repeated_uses_the_dataset_that_is_there(
    shared_server, sent, wanted, do, collect
):
    server = shared_server("fireworks")
    ours = sent(server, name="sp-" + "1" * 32)
    again = do(server, "upload", wanted(server, name=ours.name))
    assert again == ours.refs
    assert server.stats()["calls"]["upload"] == 1
    assert len(collect(FIREWORKS, server, do(server, "create", ours))) == 3


def test_a_dataset_that_never_becomes_ready_is_a_failure(shared_server, wanted, do, monkeypatch):
    monkeypatch.setattr(fireworks_datasets, "READY_POLLS", 3)
    server = shared_server("fireworks", ready_s=60)
    with pytest.raises(HttpFailure, match="not become ready"):
        do(server, "upload", wanted(server))


def test_a_dataset_that_we_would_have_to_encrypt_is_not_filled(wanted, shared_server):
    import asyncio

    ours = wanted(shared_server("fireworks"))

    class Encrypted:
        async def post(self, path, body=None, *, once):
            return {}

        async def get(self, path):
            return {"state": "UPLOADING", "encryptionState": "ENCRYPTION_STATE_CMEK"}

    with pytest.raises(HttpFailure, match="encrypted by the sender"):
        asyncio.run(FIREWORKS.upload(Encrypted(), ours))


def test_an_unsafe_url_is_not_followed():
    class Safe:
        base_url = "https://api.example.org"

    answer = {"filenameToSignedUrls": {"a": "http://x/a", "b": "https://x/b", "c": None}}
    assert fireworks_datasets._signed(answer, Safe()) == {"b": "https://x/b"}


def test_duplicates_disorder_torn_lines_and_unknown_fields_do_no_harm(
    shared_server, sent, do, collect
):
    server = shared_server(
        "fireworks", shuffle=True, duplicate=0.5, torn_lines=7, unknown_fields=True, half_written=1
    )
    ours = sent(server, 8)
    results = collect(FIREWORKS, server, do(server, "look", do(server, "create", ours).id))
    mine = [r for r in results if r.key in keys_of(ours)]
    assert {r.key for r in mine} == set(keys_of(ours))
    assert len(mine) >= 8 and all(r.outcome == "ok" for r in mine)


def test_a_file_that_stays_half_written_is_a_failure_and_leaves_no_file(
    shared_server, sent, do, collect, tmp_path
):
    server = shared_server("fireworks", half_written=99)
    seen = do(server, "look", do(server, "create", sent(server)).id)
    with pytest.raises(HttpFailure):
        collect(FIREWORKS, server, seen)
    assert not list((tmp_path / "downloads").iterdir())


def test_signed_urls_that_are_too_old_are_asked_for_again(shared_server, sent, do, collect):
    server = shared_server("fireworks", expired_urls=2)
    seen = do(server, "look", do(server, "create", sent(server)).id)
    assert len(collect(FIREWORKS, server, seen)) == 3


def test_a_store_that_refuses_for_good_says_nothing_about_our_key(shared_server, sent, do, collect):
    server = shared_server("fireworks", expired_urls=99)
    seen = do(server, "look", do(server, "create", sent(server)).id)
    with pytest.raises(HttpFailure) as caught:
        collect(FIREWORKS, server, seen)
    assert (caught.value.failure.then, caught.value.status) == ("retry", None)


def test_requests_that_fail_are_results(shared_server, sent, do, collect):
    server = shared_server("fireworks", line_errors=0.5, line_error=[500, "INTERNAL", "Broken."])
    ours = sent(server, 4)
    seen = do(server, "look", do(server, "create", ours).id)
    assert seen.done == 2
    wrong = [r for r in collect(FIREWORKS, server, seen) if r.outcome != "ok"]
    assert [(r.outcome, r.error["message"], r.billed) for r in wrong] == [
        ("error", "Broken.", False),
        ("error", "Broken.", False),
    ]


def test_lines_in_openais_shape_are_read_as_well(shared_server, tmp_path):
    from splitplot.calls.batch.openai_like import read_lines

    body = {"choices": [{"message": {"content": "4"}, "finish_reason": "stop"}]}
    lines = [
        {"custom_id": "flat", "response": body},
        {"custom_id": "wrapped", "response": {"status_code": 200, "body": body}},
        {"custom_id": "text", "response": None, "error": "out of memory"},
    ]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = {r.key: (r.outcome, r.text) for r in read_lines(tmp_path / "x.jsonl", None)}
    assert found == {"flat": ("ok", "4"), "wrapped": ("ok", "4"), "text": ("error", None)}


def test_an_expired_job_keeps_what_was_answered(shared_server, sent, do, collect):
    server = shared_server("fireworks", expire=0.5)
    ours = sent(server, 4)
    seen = do(server, "look", do(server, "create", ours).id)
    assert (seen.state, seen.provider_state, seen.expired) == ("ended", "JOB_STATE_EXPIRED", True)
    assert sorted(r.key for r in collect(FIREWORKS, server, seen)) == sorted(keys_of(ours)[:2])


def test_a_job_that_failed_as_a_whole_says_why(shared_server, sent, do, collect):
    server = shared_server(
        "fireworks", fail_whole=["INVALID_ARGUMENT", "Dataset has a syntax error"]
    )
    seen = do(server, "look", do(server, "create", sent(server)).id)
    assert seen.error == ("INVALID_ARGUMENT", "Dataset has a syntax error")
    assert collect(FIREWORKS, server, seen) == []


def test_one_wrong_row_fails_the_whole_job(shared_server, sent, do):
    server = shared_server("fireworks")
    ours = sent(server, 2, parameters={"no_such_field": 1})
    seen = do(server, "look", do(server, "create", ours).id)
    assert seen.error is not None and "no_such_field" in seen.error[1]


def test_results_that_are_gone_are_not_mistaken_for_none(shared_server, sent, do, collect):
    server = shared_server("fireworks")
    seen = do(server, "look", do(server, "create", sent(server)).id)
    lost = replace(seen, refs={"output": "accounts/lab/datasets/gone"})
    with pytest.raises(HttpFailure) as caught:
        collect(FIREWORKS, server, lost)
    assert caught.value.status == 404


def test_the_output_of_a_job_that_names_none_is_where_we_ordered_it(
    shared_server, sent, do, collect
):
    server = shared_server("fireworks")
    made = do(server, "create", sent(server))
    assert len(collect(FIREWORKS, server, Snapshot(made.id, "ended", "not found"))) == 3


def test_a_state_that_nobody_knows_is_running(shared_server, sent, do):
    server = shared_server("fireworks", unknown_state=60)
    seen = do(server, "look", do(server, "create", sent(server)).id)
    assert (seen.state, seen.provider_state) == ("running", "JOB_STATE_DEFRAGMENTING")


def test_reads_are_repeated(shared_server, sent, do, collect):
    server = shared_server("fireworks")
    made = do(server, "create", sent(server))
    server.set(fail_gets=3)
    seen = do(server, "look", made.id)
    server.set(fail_gets=["reset", "500"])
    assert len(collect(FIREWORKS, server, seen)) == 3


def test_a_job_is_cancelled_by_deleting_it(shared_server, sent, do):
    server = shared_server("fireworks", run_s=60, cancel_s=60)
    made = do(server, "create", sent(server))
    do(server, "cancel", made.id)
    seen = do(server, "look", made.id)
    assert (seen.state, seen.provider_state) == ("running", "JOB_STATE_DELETING_CLEANING_UP")
    server.set(cancel_s=0)
    with pytest.raises(HttpFailure) as caught:
        do(server, "look", made.id)
    assert caught.value.status == 404
    do(server, "cancel", made.id)  # nothing is left to cancel


def test_a_job_that_has_ended_is_not_deleted(shared_server, sent, do, collect):
    server = shared_server("fireworks")
    made = do(server, "create", sent(server))
    do(server, "cancel", made.id)
    assert "cancel" not in server.stats()["calls"]
    assert len(collect(FIREWORKS, server, do(server, "look", made.id))) == 3


@pytest.mark.parametrize(
    "job",
    [
        {"state": "JOB_STATE_FAILED", "status": None, "jobProgress": []},
        {"state": 3, "createTime": 7e300, "outputDatasetId": "../../secrets"},
        {"state": "FAILED", "status": {"code": 3, "message": None}, "outputDatasetId": ["x"]},
        {"outputDatasetId": "accounts/a/datasets/b?c=d"},
    ],
)
def test_a_strange_job_is_read_all_the_same(job):
    seen = fireworks._read(job, "accounts/a/batchInferenceJobs/b")
    assert (seen.total, seen.done, dict(seen.refs)) == (None, None, {})


def test_counts_may_be_text_and_the_declared_total_wrong():
    # As in a published transcript: declared 1, processed 3.
    progress = {"totalInputRequests": "1", "totalProcessedRequests": "3"}
    progress |= {"successfullyProcessedRequests": "3", "failedRequests": "0"}
    seen = fireworks._read({"jobProgress": progress}, "accounts/a/batchInferenceJobs/b")
    assert (seen.total, seen.done) == (3, 3)


# Create calls whose answer is lost, and refusals


@pytest.mark.parametrize("how", ["500", "503", "reset", "malformed"])
def test_a_lost_answer_is_made_good_by_a_look_at_our_name(shared_server, sent, do, how):
    fault = {"when": "after", "how": how}
    server = shared_server("fireworks", run_s=60, create_faults=[fault])
    ours = sent(server)
    made = do(server, "create", ours)
    assert (made.id, made.tag) == (f"{JOBS}/{ours.name}", ours.name)
    stats = server.stats()
    assert (stats["created"], stats["calls"]["create"]) == (1, 1)


@pytest.mark.parametrize("how", ["500", "503", "reset", "malformed"])
def test_a_create_call_that_may_still_work_is_uncertain_and_not_repeated(
    shared_server, sent, do, how
):
    server = shared_server("fireworks", create_faults=[{"when": "before", "how": how}])
    ours = sent(server)
    with pytest.raises(Uncertain):
        do(server, "create", ours)
    assert server.stats()["calls"]["create"] == 1
    assert do(server, "find", ours) == []


def test_a_job_that_is_made_late_is_found(shared_server, sent, do):
    fault = {"when": "after", "how": "hang", "late_s": 0.1}
    server = shared_server("fireworks", run_s=60, create_faults=[fault])
    ours = sent(server)
    with pytest.raises(Uncertain):
        do(server, "create", ours, timeout_s=0.2)
    for _ in range(200):
        if found := do(server, "find", ours):
            break
    assert [s.id for s in found] == [f"{JOBS}/{ours.name}"]


def test_a_second_create_call_makes_no_second_job(shared_server, sent, do):
    server = shared_server("fireworks", run_s=60)
    ours = sent(server)
    assert do(server, "create", ours).id == do(server, "create", ours).id
    stats = server.stats()
    assert (stats["created"], stats["calls"]["create"]) == (1, 2)


def test_a_name_that_is_taken_by_no_job_is_uncertain(shared_server, sent, do):
    server = shared_server("fireworks", run_s=60)
    ours = sent(server)
    do(server, "cancel", do(server, "create", ours).id)  # deleted, and its name used up
    with pytest.raises(Uncertain):
        do(server, "create", ours)


def test_a_look_that_fails_after_a_lost_answer_leaves_it_uncertain(shared_server, sent, do):
    server = shared_server("fireworks", create_faults=[{"when": "after", "how": "reset"}])
    ours = sent(server)
    server.set(fail_gets=99)
    with pytest.raises(Uncertain):
        do(server, "create", ours, attempts=2)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"require_key": "another"}, {"status": 401, "credentials": True, "wait": False}),
        ({"max_in_flight": 0, "retry_after": 7}, {"status": 429, "wait": True, "seconds": 7.0}),
    ],
)
def test_refusals_are_told_apart(shared_server, sent, do, settings, expected):
    server = shared_server("fireworks")
    ours = sent(server)
    server.set(**settings)
    with pytest.raises(Refused) as caught:
        do(server, "create", ours)
    assert {name: getattr(caught.value, name) for name in expected} == expected
    assert server.stats()["created"] == 0


def test_a_model_without_its_account_is_refused(shared_server, sent, do):
    server = shared_server("fireworks")
    with pytest.raises(Refused, match="invalid job id or model") as caught:
        do(server, "create", replace(sent(server), model="lab-model"))
    refused = caught.value
    assert (refused.status, refused.wait, refused.credentials) == (400, False, False)


# Finding ours


def test_ours_is_found_by_its_name_among_foreign_ones(batch_server, sent, do):
    server = batch_server("fireworks", run_s=60, page_size=2, foreign=3)
    orders = [sent(server, name=f"sp-{n:032x}") for n in range(1, 4)]
    made = [do(server, "create", ours) for ours in orders]
    for ours, one in zip(orders, made, strict=True):
        assert [(s.id, s.tag) for s in do(server, "find", ours)] == [(one.id, ours.name)]
    assert "list_batches" not in server.stats()["calls"]
    assert do(server, "find", replace(orders[0], name="sp-" + "f" * 32)) == []
    assert server.stats()["calls"]["list_batches"] == 6


def test_ours_is_found_in_the_listing_where_asking_for_it_does_not_help(order, shared_server):
    import asyncio

    ours = order(shared_server("fireworks"), FIREWORKS, settings={"account": "lab"})

    class Listing:
        pages = (
            {"nextPageToken": "2"},
            {"batchInferenceJobs": [3, {"name": f"{JOBS}/{ours.name}"}]},
        )

        async def get(self, path, params=None):
            if params is None:
                return {}
            return self.pages["pageToken" in params]

    assert [s.tag for s in asyncio.run(FIREWORKS.find(Listing(), ours))] == [ours.name]


# Before anything is sent


@pytest.mark.parametrize(
    ("parameters", "settings", "message"),
    [
        ({}, {}, r"no account is named.*`batch: \{account: …\}`.*config/models\.yaml"),
        ({}, {"account": "../x"}, r"account is '\.\./x'"),
        ({}, {"account": "lab", "window_h": 48}, "window_h is 48; allowed: 24"),
        ({"n": 2}, {"account": "lab"}, "replications"),
        ({"stream": True}, {"account": "lab"}, "stream"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_advice(parameters, settings, message):
    with pytest.raises(ConfigError, match=message):
        FIREWORKS.check(parameters, settings)


def test_an_account_and_the_usual_parameters_are_all_it_needs():
    FIREWORKS.check({"temperature": 1, "seed": 3}, {"account": "lab-1", "window_h": 24})


def test_the_key_is_a_bearer_token():
    headers = FIREWORKS.headers("k", {"headers": {"X-Team": "lab"}})
    assert headers == {"X-Team": "lab", "Authorization": "Bearer k"}
