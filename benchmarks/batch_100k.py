"""100,000 requests in 20 parts through the fake OpenAI batch API, from YAML to report.

    python benchmarks/batch_100k.py [--sizes 10000:2 100000:20]

Beside it a tenth of them in parts of the same size, which tells what grows with the study. Prints two
Markdown tables: time and CPU of a whole run (Snakemake and all jobs, the server excluded), and the
peak memory and the CPU time of each kind of job. Takes some minutes.
"""

import json
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from workspace import ENVIRONMENT, REPOSITORY, Jobs, jobs_noted, make, note_jobs, timed

KEY = "sk-bench-0123456789abcdef"
SETTINGS = {"validate_s": 0.2, "run_s": 1.0, "check_lines": 10}
MODELS = """models:
  robot:
    model: lab/robot
    base_url: {url}
    api_key_env: BENCH_KEY
    batch: {{protocol: openai, base_url: {url}, poll_s: 1}}
    price: {{usd_per_million_input_tokens: 1, usd_per_million_output_tokens: 4, batch_discount: 0.5}}
"""


def study(root: Path, url: str, requests: int, parts: int) -> None:
    """Two cells of `parts` / 2 parts each, all by batch."""
    make(root, items=requests // 2, samplings=1, parts=parts // 2)
    (root / "config/models.yaml").write_text(MODELS.format(url=url))
    path = root / "config/studies/bench.yaml"
    text = path.read_text().replace(
        f"execution: {{parts: {parts // 2}}}",
        f"execution: {{parts: {parts // 2}, route: batch}}\nbudget: {{confirm_above_usd: 1000}}",
    )
    path.write_text(text)


def run(requests: int, parts: int) -> tuple[float, float, Jobs]:
    """(wall seconds, CPU seconds, {script: (peak MB, CPU seconds) of each of its processes})."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        script = REPOSITORY / "tests/providers/batch_server.py"
        command = [sys.executable, str(script), "--provider", "openai", "--state"]
        server = subprocess.Popen(
            [*command, str(root / "server"), "--settings", json.dumps(SETTINGS)],
            stdout=subprocess.PIPE,
        )
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{json.loads(server.stdout.readline())['port']}/v1"
            study(root, url, requests, parts)
            note_jobs(root)
            ENVIRONMENT["BENCH_KEY"] = KEY
            wall, cpu, _ = timed(root, "snakemake", "--profile", "local", "--cores", "2")
            report = json.loads((root / "results/bench/report.json").read_text())
            assert report["health"]["filled"] == requests
        finally:
            server.kill()
            server.wait()
        return wall, cpu, jobs_noted(root)


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    help_text = "requests:parts of each run"
    parser.add_argument("--sizes", nargs="+", default=["10000:2", "100000:20"], help=help_text)
    sizes = [tuple(map(int, size.split(":"))) for size in parser.parse_args().sizes]
    print("| requests | parts | YAML to report, s | CPU s | CPU ms per request |")
    print("| ---: | ---: | ---: | ---: | ---: |", flush=True)
    found = {}
    for size in sizes:
        wall, cpu, found[size] = run(*size)
        requests, parts = size
        print(
            f"| {requests:,} | {parts} | {wall:.1f} | {cpu:.1f} | {cpu / requests * 1000:.2f} |",
            flush=True,
        )
    print("\nPeak memory: the median of the processes, and the largest.\n")
    print("| job |" + "".join(f" MB at {n:,} | CPU s | processes |" for n, _ in found))
    print("| --- |" + " ---: | ---: | ---: |" * len(found))
    for name in sorted(found[sizes[-1]]):
        row = f"| {name} |"
        for jobs in found.values():
            peaks = sorted(peak for peak, _ in jobs[name])
            cpu = sum(cpu for _, cpu in jobs[name])
            row += f" {peaks[len(peaks) // 2]:.0f}, {peaks[-1]:.0f} | {cpu:.1f} | {len(peaks)} |"
        print(row)


if __name__ == "__main__":
    main()
