"""Where the items come from, as the report lists it."""

from splitplot.items.item import Item
from splitplot.items.sample import sampled
from splitplot.report.origins import origins


def listed(provenance):
    return origins({"study": "s"}, {}, provenance)["items"]


def test_a_source_is_a_line_without_what_is_empty():
    record = {"source": "a.jsonl", "kind": "path", "revision": None, "rows": 1200}
    assert listed([record]) == ["source a.jsonl · kind path · rows 1200"]


def test_a_source_of_the_hub_is_told_with_its_commit_and_the_digest_of_its_items():
    record = {
        "source": "org/name:train",
        "revision": "01ab",
        "sha256": None,
        "items_sha256": "23cd",
    }
    assert listed([record]) == ["source org/name:train · revision 01ab · items_sha256 23cd"]


def test_a_sample_is_told_with_its_strata():
    items = [Item(f"i{n}", "Q?", targets=("x",) * (n % 4 > 0), source="a") for n in range(2000)]
    _, record = sampled([items], {"size": 200, "seed": 7, "by": ["source", "answerable", "tier"]})
    assert listed([record]) == [
        "sample of 200 items out of 2,000 · seed 7, stratified by source, answerable, tier",
        "stratum source a · answerable no · tier none: 50 of 500",
        "stratum source a · answerable yes · tier none: 150 of 1,500",
    ]
    _, record = sampled([items], {"size": 1, "seed": 0, "by": []})
    assert listed([record]) == ["sample of 1 item out of 2,000 · seed 0"]


def test_it_is_said_where_small_strata_weigh_more_in_the_sample_than_in_the_sources():
    rare = [[Item(f"{s}{n}", "Q?", source=s) for n in range(5)] for s in "bcdefghijklm"]
    common = [Item(f"a{n}", "Q?", source="a") for n in range(5000)]
    _, record = sampled([common, *rare], {"size": 50, "seed": 7, "by": ["source"]})
    # 12 of 50 come from sources with 60 of 5,060 items: 24% in place of 1.2%
    assert listed([record])[-1].startswith("23% of the sample would be of other strata")
    _, record = sampled([common, *rare], {"size": 2530, "seed": 7, "by": ["source"]})
    assert "would be" not in listed([record])[-1]
