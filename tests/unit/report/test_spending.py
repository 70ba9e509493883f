"""The costs section: what was paid, by which route, what batches saved, and what is beside the answers."""

from types import SimpleNamespace

from splitplot.report.spending import spending

CELLS = SimpleNamespace(
    of=lambda cell: (cell["trial"], cell["condition"]),
    label=lambda cell: " × ".join(cell),
    trials={"t": {"route": "realtime"}},
)


def cell(**changes):
    row = {"trial": "t", "condition": "a", "requests": 10, "answered": 9, "reused": 2}
    row |= {"tokens_in": 100, "tokens_out": 50, "tokens_reasoning": 0, "usd": 1.5}
    return row | changes


def costs(*cells, **changes):
    value = {"cells": list(cells), "total_usd": 1.5, "spent_usd_this_study": 1.25, "wall": {}}
    return value | changes


def sentences(value):
    return spending(value, CELLS)["sentences"]


def test_without_batches_there_is_no_word_of_them():
    shown = spending(costs(cell()), CELLS)
    assert not shown["batch"]
    assert not any("atch" in sentence for sentence in shown["sentences"])


def test_what_went_by_batch_and_what_it_saved():
    routes = {"batch": {"answered": 4800, "usd": 1.23}, "realtime": {"answered": 2, "usd": 0.02}}
    value = costs(cell(routes=routes), routes=routes, saved_usd=1.23)
    assert "By batch: 4,800 answers for $1.23, $1.23 less than in real time." in sentences(value)
    shown = spending(value, CELLS)
    assert (shown["batch"], shown["rows"][0]["batch"]) == (True, "4,800")
    value["saved_usd"] = 0.0
    assert "By batch: 4,800 answers for $1.23." in sentences(value)


def test_rescued_answers_are_told():
    value = costs(cell(rescued=3), cell(rescued=1))
    (told,) = [line for line in sentences(value) if "expired" in line]
    assert told.startswith(
        "4 answers that a batch did not bring before it expired came in real time"
    )


def test_what_was_paid_beside_the_answers_is_told_with_the_total_of_the_ledger():
    ledger = {
        "paid": {"count": 12, "usd": 1.75},
        "billed_failures": {"count": 1, "usd": 0.25},
        "elsewhere": {"count": 2, "usd": 0.25},
    }
    (told,) = [line for line in sentences(costs(cell(), ledger=ledger)) if "in all" in line]
    assert told == (
        "Beside these the study paid $0.25 for 1 failure billed without an answer and $0.25 for "
        "2 answers in no cell of this report (removed since, or a second one): $1.75 in all."
    )
    ledger |= {"billed_failures": {"count": 0, "usd": 0.0}, "elsewhere": {"count": 3, "usd": 0.0}}
    assert not any("in all" in line for line in sentences(costs(cell(), ledger=ledger)))


def time_of(model, jobs, hours, gpus, loading):
    row = {"trial": f"{model}-low", "model": model, "sampling": "low", "jobs": jobs}
    return row | {"hours": hours, "gpu_hours": gpus * hours, "loading_share": loading}


def test_each_local_model_has_a_sentence_on_its_jobs():
    trials = [
        time_of("large", 3, 0.2, 2, 0.05),
        time_of("large", 1, 0.4, 2, 0.095),  # at another sampling: 0.048 of 0.6 hours are loading
        time_of("small", 4, 0.3, 0, 0.08),
        time_of("tiny", 1, 0.001, 1, 0.5),
        time_of("idle", 0, 0.0, 4, None),
    ]
    found = sentences(costs(cell(), local={"trials": trials}))
    assert [line for line in found if "load" in line] == [
        "large: 4 jobs used 1.2 GPU-hours, 8% of them loading the model.",
        "small: 4 jobs took 18 min 0 s, 8% of it loading the model.",
        "tiny: 1 job used 0.0010 GPU-hours, 50% of them loading the model.",
        "idle was not loaded: its answers were in the ledger.",
    ]


def test_without_receipts_of_local_models_there_is_no_word_of_hours():
    for value in (costs(cell()), costs(cell(), local=None)):
        assert sentences(value) == sentences(costs(cell()))
        assert not any("load" in line or "GPU" in line for line in sentences(value))


def test_both_forms_of_the_report_have_the_column_when_something_went_by_batch(study, write):
    def pages(name):
        folder = write(study, name)
        texts = ((folder / file).read_text() for file in ("report.html", "report.md"))
        return [text.split("Cost and tokens")[-1] for text in texts]

    assert ["by batch" in text for text in pages("before")] == [False, False]
    routes = {"batch": {"answered": 77, "usd": 0.5}}
    study.costs |= {"routes": routes, "saved_usd": 0.5}
    study.costs["cells"][0]["routes"] = routes
    html, plain = pages("after")
    assert '<th scope="col">by batch</th>' in html and "<td>77</td>" in html
    head = next(line for line in plain.splitlines() if line.startswith("| cell"))
    rows = [line for line in plain.splitlines() if line.startswith("|")][
        : len(study.costs["cells"])
    ]
    assert "| by batch |" in head
    assert {row.count("|") for row in rows} == {head.count("|")}
