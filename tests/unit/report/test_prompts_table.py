"""The audit of the prompts in the section on methods and origins."""

import re

from splitplot.placebo_prompts import placebo_template
from splitplot.report.origins import origins

PRICE = {"usd_per_million_input_tokens": 1000, "usd_per_million_output_tokens": 1}


def with_placebo(study):
    """The second arm a placebo of the first, which has a system text; the first trial has a price."""
    first, second = study.plan["conditions"]
    system = "Read it twice. Do not guess. Be brief."
    first["template"] |= {"system": system, "body": "{{ input }}"}
    second["template"] = placebo_template(first["template"], "share-50", "p.md")
    second["placebo"] = {"of": first["name"], "kind": "share-50"}
    study.plan["trials"][0] |= {
        "route": "realtime",
        "endpoint": {"model": "paid", "price": PRICE},
        "batch": None,
    }
    return study


def test_a_row_per_prompt_says_what_it_adds_to_the_control(study):
    plan = with_placebo(study).plan
    found = origins(plan, study.inference, [])["prompts"]
    control, placebo = found["rows"]
    assert found["control"] == control["name"] == "direct"
    assert (control["placebo"], placebo["placebo"]) == ("", "share-50 of direct")
    assert (control["added"], control["words"], placebo["words"]) == ("0", "8", "3")
    fewer = -int(placebo["added"])
    assert fewer > 0
    # $1,000 a million: a dollar for one token in each of 1,000 prompts; the other trials are local.
    assert placebo["usd"] == f"−${fewer}.00; local: nothing is paid"


def test_the_pages_show_the_prompts_with_their_hashes(study, write):
    folder = write(with_placebo(study))
    page, markdown = ((folder / name).read_text() for name in ("report.html", "report.md"))
    table = re.search(r"prompts-caption.*?</table>", page, re.DOTALL)[0]
    for arm in study.plan["conditions"]:
        assert arm["hash"] in table
    assert "share-50 of direct" in table
    assert "| stepwise | share-50 of direct | 14 | 3 |" in markdown


def test_a_template_that_cannot_be_shown_without_an_item_is_told(study, write):
    study.plan["conditions"][0]["template"]["body"] = "{{ input }}{{ choices[40] }}"
    page = (write(study) / "report.html").read_text()
    assert "The prompts were not counted: its tokens cannot be counted without an item" in page
