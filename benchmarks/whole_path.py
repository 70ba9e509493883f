"""The whole path on the simulated route: from YAML to report, and the run after it that does nothing.

    python benchmarks/whole_path.py

Prints a Markdown table. Goals on two cores: 4 cells × 30 answers in 15 s, 4 cells × 900 in 25 s, a
run with nothing to do in 3 s.
"""

import tempfile
from pathlib import Path

from workspace import make, timed

SIZES = (30, 900)


def main() -> None:
    print(
        "| answers | YAML to report, s | CPU s | nothing to do, s |\n| --- | ---: | ---: | ---: |"
    )
    for items in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            make(root, items=items)
            wall, cpu, _ = timed(root, "snakemake", "--profile", "local")
            again, _, output = timed(root, "snakemake", "--profile", "local")
            assert "Nothing to be done" in output
            print(f"| 4 × {items:,} | {wall:.1f} | {cpu:.1f} | {again:.1f} |", flush=True)


if __name__ == "__main__":
    main()
