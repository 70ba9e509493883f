"""The tables of cases in docs/scorers.md, which are the documented behaviour of the scorers."""

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


def documented_cases(name: str) -> list[list[str]]:
    """The rows of the table under `<!-- name cases -->`; ⏎ and ⍽ stand for line break, no-break space."""
    page = (REPOSITORY / "docs/scorers.md").read_text(encoding="utf-8")
    table = page.split(f"<!-- {name} cases -->\n\n")[1].split("\n\n")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]
    ]
    plain = str.maketrans({"⏎": "\n", "⍽": "\u00a0"})
    return [[cell.strip("`").translate(plain) for cell in row] for row in rows]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("parametrize")
    for fixture in metafunc.fixturenames:
        if fixture.endswith("_case") and marker is None:
            cases = documented_cases(fixture.removesuffix("_case"))
            metafunc.parametrize(fixture, cases, ids=[" ".join(case)[:60] for case in cases])


@pytest.fixture
def cases():
    return documented_cases


@pytest.fixture
def repository() -> Path:
    return REPOSITORY
