"""The simulated responder: rates and accuracies against their closed form, within binomial error."""

import re
import time
from collections import Counter
from dataclasses import replace
from math import exp, log, sqrt
from statistics import NormalDist, fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.calls.records import Request, request_key
from splitplot.calls.sim import (
    DEFAULTS,
    FAILURES,
    _other_number,
    _wrong,
    p_correct,
    sim_settings,
    simulate,
)
from splitplot.errors import ConfigError
from splitplot.items.item import Item

Z = 4.5  # a two-sided chance of 7 in a million for each comparison


def sim(**given):
    return sim_settings(given, "test")


def item_of(n, **given):
    return Item(id=f"i{n}", input=f"What is {n} plus 1?", targets=(str(n + 1),), **given)


def request_of(item, replication=0, model="m", condition="direct", **more):
    body = {"messages": [{"role": "user", "content": f"{condition}: {item.input}"}], **more}
    return Request(request_key(model, body, replication), body)


def ask(item, settings, replication=0, model="m", condition="direct", **more):
    request = request_of(item, replication, model, condition, **more)
    return simulate(request, item, condition, replication, settings)


def is_right(response, item):
    return response.text == f"Answer: {item.targets[0]}."


def accuracy(settings, items, **more):
    return fmean(is_right(ask(item, settings, **more), item) for item in items)


def logistic(x):
    return 1 / (1 + exp(-x))


@pytest.mark.parametrize("ability", [-2.0, 0.0, 1.5])
@pytest.mark.parametrize("discrimination", [0.5, 2.0])
def test_accuracy_follows_the_two_parameter_logistic_model(ability, discrimination):
    # closed form: Birnbaum's logistic(a(θ − b)) with every difficulty b = 0.4
    settings = sim(ability=ability, discrimination=discrimination)
    items = [item_of(n, difficulty=0.4) for n in range(4000)]
    wanted = logistic(discrimination * (ability - 0.4))
    error = sqrt(wanted * (1 - wanted) / len(items))
    assert abs(accuracy(settings, items) - wanted) < Z * error


def test_condition_effects_are_recovered_as_differences_of_logits():
    settings = sim(ability=0.2, condition_effects={"careful": 0.7})
    items = [item_of(n, difficulty=0.0) for n in range(8000)]
    plain, careful = (accuracy(settings, items, condition=name) for name in ("direct", "careful"))
    effect = log(careful / (1 - careful)) - log(plain / (1 - plain))
    # standard error of a difference of two empirical logits (Agresti 2013, §3.1)
    error = sqrt(sum(1 / (len(items) * p * (1 - p)) for p in (plain, careful)))
    assert abs(effect - 0.7) < Z * error


def test_difficulties_are_normal_with_the_given_spread_and_shared_by_all_models():
    strong, weak = sim(ability=2.0, difficulty_sd=1.5), sim(ability=-1.0, difficulty_sd=1.5)
    items = [item_of(n) for n in range(3000)]
    difficulties = [2.0 - _logit(p_correct(item, "direct", strong)) for item in items]
    again = [-1.0 - _logit(p_correct(item, "direct", weak)) for item in items]
    assert difficulties == pytest.approx(again)
    assert abs(fmean(difficulties)) < Z * 1.5 / sqrt(len(items))
    assert abs(stdev(difficulties) - 1.5) < Z * 1.5 / sqrt(2 * len(items))
    other = sim(ability=2.0, difficulty_sd=1.5, seed=2)
    assert difficulties[0] != 2.0 - _logit(p_correct(items[0], "direct", other))


def test_an_item_in_a_condition_has_an_effect_of_its_own():
    settings = sim(difficulty_sd=0.0, item_condition_sd=0.8)
    items = [item_of(n) for n in range(3000)]
    effects = {
        name: [_logit(p_correct(item, name, settings)) for item in items] for name in ("a", "b")
    }
    differences = [a - b for a, b in zip(effects["a"], effects["b"], strict=True)]
    wanted = 0.8 * sqrt(2)
    assert abs(stdev(differences) - wanted) < Z * wanted / sqrt(2 * len(items))


def test_run_noise_pulls_the_mean_towards_one_half():
    # closed form: the logistic-normal integral, here by quadrature over 2,000 quantiles
    settings = sim(ability=2.0, run_sd=2.0)
    items = [item_of(n, difficulty=0.0) for n in range(6000)]
    quantile = NormalDist().inv_cdf
    wanted = fmean(logistic(2.0 + 2.0 * quantile((k + 0.5) / 2000)) for k in range(2000))
    error = sqrt(wanted * (1 - wanted) / len(items))
    assert abs(accuracy(settings, items) - wanted) < Z * error
    assert wanted < logistic(2.0) - 0.05


def test_each_failure_comes_at_its_rate_and_only_where_it_is_asked_for():
    rates = {
        "error": 0.05,
        "truncated": {"direct": 0.3},
        "refused": 0.1,
        "empty": 0.02,
        "unparseable": 0.08,
    }
    settings = sim(rates=rates)
    items = [item_of(n) for n in range(5000)]
    for condition in ("direct", "careful"):
        seen = Counter(kind_of(ask(item, settings, condition=condition)) for item in items)
        for kind in FAILURES:
            rate = rates[kind]
            wanted = rate.get(condition, 0.0) if isinstance(rate, dict) else rate
            error = sqrt(wanted * (1 - wanted) / len(items))
            assert abs(seen[kind] / len(items) - wanted) <= Z * error


def kind_of(response):
    if response.outcome == "ok" and "it depends" in response.text:
        return "unparseable"
    return response.outcome


def test_failures_do_not_change_the_accuracy_of_what_is_answered():
    items = [item_of(n, difficulty=0.0) for n in range(4000)]
    clean, faulty = sim(ability=1.0), sim(ability=1.0, rates={"error": 0.3, "empty": 0.2})
    for item in items[:500]:
        response = ask(item, faulty)
        assert response.outcome != "ok" or response.text == ask(item, clean).text


def test_lengths_have_the_given_mean_and_spread_and_cost_what_they_should():
    settings = sim(tokens={"mean": 200, "sd": 30}, usd_per_million_output_tokens=10)
    responses = [ask(item_of(n), settings) for n in range(3000)]
    lengths = [response.usage.output_tokens for response in responses]
    assert abs(fmean(lengths) - 200) < Z * 30 / sqrt(len(lengths))
    assert abs(stdev(lengths) - 30) < Z * 30 / sqrt(2 * len(lengths))
    assert sum(r.usd for r in responses) == pytest.approx(sum(lengths) * 10 / 1e6)
    assert all(r.usage.input_tokens > 0 for r in responses)


def test_a_prompt_costs_something_where_its_price_is_given():
    free, paid = sim(), sim(usd_per_million_input_tokens=3, usd_per_million_output_tokens=10)
    assert "usd_per_million_input_tokens" not in free  # nor in a plan that does not use it
    response = ask(item_of(1), paid)
    usage = response.usage
    assert response.usd == pytest.approx((3 * usage.input_tokens + 10 * usage.output_tokens) / 1e6)
    assert response.text == ask(item_of(1), free).text
    with pytest.raises(ConfigError, match="usd_per_million_input_tokens: -1 is not a number"):
        sim(usd_per_million_input_tokens=-1)


def test_no_answer_is_longer_than_the_request_allows():
    settings = sim(tokens={"mean": 40, "sd": 10}, rates={"truncated": 0.5})
    for n in range(200):
        response = ask(item_of(n), settings, max_tokens=38)
        assert 1 <= response.usage.output_tokens <= 38
        if response.outcome == "truncated":
            assert (response.usage.output_tokens, response.finish_reason) == (38, "length")


def test_the_same_request_is_answered_the_same_whatever_was_asked_before():
    settings = sim(rates=dict.fromkeys(FAILURES, 0.1), run_sd=0.3, item_condition_sd=0.2)
    items = [item_of(n) for n in range(300)]
    forwards = {item.id: ask(item, settings).to_json() for item in items}
    backwards = {item.id: ask(item, settings).to_json() for item in reversed(items)}
    assert forwards == backwards


def test_replications_models_and_seeds_are_answered_independently():
    # independent fair coins agree half the time
    items = [item_of(n, difficulty=0.0) for n in range(3000)]
    base = [is_right(ask(item, sim()), item) for item in items]
    error = sqrt(0.25 / len(items))
    for other in (
        [is_right(ask(item, sim(), replication=1), item) for item in items],
        [is_right(ask(item, sim(), model="other"), item) for item in items],
        [is_right(ask(item, sim(seed=2)), item) for item in items],
    ):
        agreement = fmean(a == b for a, b in zip(base, other, strict=True))
        assert abs(agreement - 0.5) < Z * error


def test_an_answer_says_that_it_is_simulated():
    response = ask(item_of(1), sim(seed=9))
    assert response.simulated and response.route == "sim"
    assert response.engine == {"name": "sim", "seed": 9}
    assert response.started_at is None and response.latency_s > 0


def test_choices_are_answered_by_letter():
    item = Item("q", "Which?", targets=("blue",), choices=("red", "blue", "green"))
    seen = {ask(item, sim(difficulty_sd=0), replication=r).text for r in range(200)}
    assert seen == {"Answer: (A).", "Answer: (B).", "Answer: (C)."}
    sure = sim(ability=1e6)
    assert ask(item, sure).text == "Answer: (B)."
    assert ask(replace(item, targets=("c",)), sure).text == "Answer: (C)."


def test_a_question_without_an_answer_is_rightly_answered_by_not_knowing():
    item = Item("u", "Who?", targets=())
    assert ask(item, sim(ability=1e6)).text == "I don't know."
    assert ask(item, sim(ability=-1e6)).text.startswith("Answer: ")


@pytest.mark.parametrize(
    "target",
    ["0", "42", "-7", "1,234,567", "3.14", "$1,200.50", "35%", "1/2", "0/5", "x_1 = 3", "10:30"],
)
@given(pick=st.floats(0, 1, exclude_max=True), down=st.booleans())
def test_a_wrong_number_has_the_form_of_the_right_one_and_is_a_tenth_away(target, pick, down):
    changed = _other_number(target, 1 + int(pick * 9), down)
    form = re.compile(r"\d[\d,]*")
    assert form.sub("9", changed) == form.sub("9", target)
    numbers = [
        [float(n) for n in re.findall(r"\d+\.?\d*", t.replace(",", ""))] for t in (target, changed)
    ]
    different = [(a, b) for a, b in zip(*numbers, strict=True) if a != b]
    assert len(different) == 1
    assert all(abs(a - b) >= 0.1 * abs(a) for a, b in different)


@given(
    st.sampled_from(
        ["yes", "No", "True", "B", "maple", "Paris", "", r"\frac{1}{2}", "none", "3 or 4"]
    ),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
)
def test_a_wrong_answer_is_never_the_right_one(target, pick, side):
    text = _wrong(Item("t", "?", targets=(target,)), pick, side)
    answer = text.removeprefix("Answer: ").removesuffix(".")
    assert answer.casefold() != target.casefold()


@given(st.text(min_size=1), st.integers(0, 2**32), st.floats(-20, 20))
def test_any_item_text_gets_an_answer(text, seed, ability):
    item = Item("t", text, targets=(text,), choices=())
    assert ask(item, sim(seed=seed, ability=ability)).outcome == "ok"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"abillity": 1}, 'm: unknown key "abillity"; did you mean "ability"'),
        ({"rates": {"eror": 0.1}}, 'm: rates: unknown key "eror"; did you mean "error"'),
        ({"rates": {"error": 0.6, "empty": {"a": 0.5}}}, "rates of condition a add up to 1.1"),
        ({"rates": {"error": 1.5}}, "rates.error: 1.5 is not a share"),
        ({"rates": {"error": {"a": -1}}}, "rates.error.a: -1 is not a number of at least 0"),
        ({"tokens": {"mean": "many"}}, "tokens.mean: 'many' is not a number"),
        ({"tokens": 40}, "tokens: 40 is not a mapping"),
        ({"ability": float("nan")}, "ability: nan is not a number"),
        ({"difficulty_sd": -1}, "difficulty_sd: -1 is not a number of at least 0"),
        ({"seed": 1.5}, "seed: 1.5 is not a whole number"),
    ],
)
def test_bad_settings_are_refused_with_place_and_remedy(raw, message):
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        sim_settings(raw, "m")


def test_settings_are_completed_from_the_defaults_which_stay_as_they_are():
    settings = sim_settings({"rates": {"error": 0.1}, "tokens": {"mean": 7}}, "m")
    assert settings["rates"]["empty"] == 0 and settings["tokens"]["sd"] == 10
    assert DEFAULTS["rates"]["error"] == 0 and DEFAULTS["tokens"]["mean"] == 40
    assert sim_settings(None, "m") == sim_settings(settings | DEFAULTS, "m") == DEFAULTS


@pytest.mark.slow
def test_fifteen_thousand_answers_a_second_on_one_core():
    settings = sim(condition_effects={"direct": 0.3}, rates={"truncated": {"direct": 0.1}})
    items = [item_of(n) for n in range(500)]
    requests = [(request_of(item, r, max_tokens=64), item, r) for item in items for r in range(4)]
    best = 0.0
    for _ in range(5):
        start = time.process_time()
        for request, item, replication in requests:
            simulate(request, item, "direct", replication, settings)
        best = max(best, len(requests) / (time.process_time() - start))
    print(f"{best:,.0f} answers/s")
    assert best > 15_000


def _logit(p):
    return log(p / (1 - p))


def test_rates_of_abstention_hold_for_their_kind_of_question_and_condition():
    answerable = Item("a", "Who?", targets=("Ada",))
    unanswerable = Item("u", "Who?", targets=())
    rates = {"abstained": {"treatment": 0.3}, "held_back": {"control": 0.2, "treatment": 0.6}}
    model = sim(ability=1e6, rates=rates)

    def share(item, condition):
        texts = [ask(item, model, condition=condition, replication=r).text for r in range(2000)]
        assert set(texts) <= {"I don't know.", "Answer: Ada."} or not item.targets
        return sum(text == "I don't know." for text in texts) / 2000

    # 2,000 draws: a standard error of at most 1.1 points, four of them
    assert share(answerable, "control") == 0
    assert abs(share(answerable, "treatment") - 0.3) < 0.045
    assert abs(share(unanswerable, "control") - 0.2) < 0.045
    assert abs(share(unanswerable, "treatment") - 0.6) < 0.045


@pytest.mark.parametrize(
    ("rates", "told"),
    [({"abstain": 0.1}, "abstained"), ({"held_back": 1.5}, "share from 0 to 1")],
)
def test_a_wrong_rate_of_abstention_is_named(rates, told):
    with pytest.raises(ConfigError, match=told):
        sim(rates=rates)
