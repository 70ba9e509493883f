"""rehearsal.html: the page on what a study could conclude, of the content of rehearsal.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from splitplot import __version__
from splitplot.files import atomic_text
from splitplot.inference.wording import counted
from splitplot.inference.words import (
    BETTER,
    BETTER_SIZE_OPEN,
    EQUIVALENT,
    NO_VERDICT,
    NON_INFERIOR,
    NOT_BETTER,
    NOT_SETTLED,
    WORSE,
    WORSE_SIZE_OPEN,
)
from splitplot.rehearsal import words
from splitplot.report.hostile import encodable

SHADES = {
    BETTER: "sure",
    BETTER_SIZE_OPEN: "open",
    NON_INFERIOR: "sure",
    EQUIVALENT: "same",
    NOT_BETTER: "under",
    NOT_SETTLED: "unsettled",
    WORSE_SIZE_OPEN: "worse",
    WORSE: "worse",
    NO_VERDICT: "unsettled",
}
"""Verdicts in the order in which a bar has them, each with its class in rehearsal.css."""

MOST_SPOKEN = 6
"""Verdicts of the simulated report on the page where no contrast was declared."""

SHOWN = 0.03
"""Verdicts with a smaller chance are drawn, but not named beside the bar."""


def write_page(path: Path, content: Mapping[str, Any]) -> None:
    """Write the page, complete or not at all. content: of rehearsal.json."""
    page = render(encodable(dict(content)))
    with atomic_text(path) as file:
        file.write(page)


def render(content: Mapping[str, Any]) -> str:
    """The page; as the report it allows its own style alone, and no network."""
    from splitplot.report import write

    style = write._asset(write.TEMPLATES / "report.css") + write._asset(
        write.TEMPLATES / "rehearsal.css"
    )
    page: str = (
        write._environment(autoescape=True)
        .get_template("rehearsal.html.j2")
        .render(
            **_view(content),
            style=style,
            policy=(
                f"default-src 'none'; style-src '{write._source_hash(style)}'; "
                "base-uri 'none'; form-action 'none'"
            ),
        )
    )
    return page


def _view(content: Mapping[str, Any]) -> dict[str, Any]:
    power = content["power"]
    facts = [
        counted(power["items"], "item"),
        counted(power["replications"], "replication"),
        counted(power["cells"], "cell"),
        f"α = {power['alpha']:g}",
    ]
    return {
        "study": content["study"],
        "question": content["question"] or content["study"],
        "facts": facts,
        "contrasts": [_contrast(block, power) for block in power["contrasts"]],
        "left": power["contrasts_left"],
        "legend": words.legend(power),
        "shades": _shades(power),
        "whole": [_whole(one) for one in content["whole"]],
        "once": [
            {"name": one["name"], "word": one["verdict"], "sentence": one["sentence"]}
            for one in _spoken(content["inference"]["contrasts"])
        ],
        "flags": [flag["message"] for flag in content["inference"]["flags"]],
        "version": __version__,
    }


def _spoken(contrasts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The primary contrasts; where none was declared, the first ones."""
    return [one for one in contrasts if one.get("primary")] or contrasts[:MOST_SPOKEN]


def _contrast(block: Mapping[str, Any], power: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": block["name"],
        "heading": words.heading(block),
        "refused": block["refused"],
        "assumed": words.assumed_words(block),
        "sentences": words.verdict_on_size(block, power["items"]),
        "figures": [],
        "head": [],
        "rows": [],
    }
    if block["refused"]:
        return shown
    head, rows = words.table(block, power["money"])
    own = [one for one in block["points"] if one["replications"] == power["replications"]]
    figures = [_figure(own, place, gap, power) for place, gap in enumerate(block["gaps"])]
    return shown | {"head": head, "rows": rows, "figures": [*figures[1:], figures[0]]}


def _figure(
    own: list[Mapping[str, Any]], place: int, gap: float, power: Mapping[str, Any]
) -> dict[str, Any]:
    """A bar per number of items at one true gap, with the study's own replications."""
    true = "no true gap" if gap == 0 else f"a true gap of {words.points(gap)} points"
    return {
        "caption": f"Verdicts with {true}, {counted(power['replications'], 'replication')}",
        "bars": [
            {
                "name": counted(one["items"], "item"),
                "own": one["items"] == power["items"],
                **_bar(one["at"][place]["words"]),
            }
            for one in own
        ],
    }


def _bar(found: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Segments of a bar in percent of its width, and the same in words."""
    start, segments, said = 0.0, [], []
    for word, shade in SHADES.items():
        chance = found.get(word, {"share": 0.0})["share"]
        if not chance:
            continue
        segments.append(
            {"x": f"{100 * start:.2f}%", "width": f"{100 * chance:.2f}%", "shade": shade}
        )
        start += chance
        said.append((chance, f"{word} {words.share(chance)}"))
    named = [text for chance, text in said if chance >= SHOWN]
    return {
        "segments": segments,
        "said": " · ".join(named),
        "description": ", ".join(text for _, text in said),
    }


def _shades(power: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The legend: the shades that appear, each with its verdicts."""
    found = {
        word
        for block in power["contrasts"]
        for one in block["points"]
        for at in one["at"]
        for word in at["words"]
    }
    by_shade: dict[str, list[str]] = {}
    for word, shade in SHADES.items():
        if word in found:
            by_shade.setdefault(shade, []).append(word)
    return [(shade, " or ".join(names)) for shade, names in by_shade.items()]


def _whole(scenario: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        (
            one["name"],
            words.points(one["gap"]),
            " · ".join(
                f"{word} {words.share(entry['share'])}" for word, entry in one["words"].items()
            ),
            one["reason"] or "",
        )
        for one in scenario["contrasts"]
    ]
    title = f"{scenario['scenario'].capitalize()}, {scenario['studies']:,} simulated studies"
    return {"title": title, "rows": rows}
