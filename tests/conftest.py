"""What tests of several kinds share: the misbehaving batch provider.

batch_server(provider, **settings) -> BatchServer: a process of its own, with
    .url           http://127.0.0.1:PORT
    .base_url      what a provider module is given as its base_url
    .stats()       its counts: created, billed, billed_more_than_once, peak_in_flight, calls, …
    .billed()      how often each custom_id was billed
    .set(**more)   change some settings (tests/providers/batch_server.py lists them)
    .replace(all)  take these settings and no others
    .kill()        kill -9; .restart(): start again on the same port, with all it knew
"""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

# As the doors of the jobs do: two test processes on two cores, each with a thread per core, hinder
# each other. In force because nothing has imported numpy yet.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

SCRIPT = Path(__file__).resolve().parent / "providers/batch_server.py"
BASES = {
    "openai": "/v1",
    "azure": "",
    "groq": "/openai/v1",
    "together": "/v1",
    "anthropic": "",
    "gemini": "/v1beta",
    "mistral": "/v1",
    "fireworks": "",
}
"""Path of each provider's default base_url."""


def pytest_configure(config):
    """pytest-xdist hands out files in the order below, not those with most tests first."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Files with many slow tests first: else one of them begins last, and runs on alone."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


class BatchServer:
    """A provider's misbehaving server."""

    def __init__(self, provider, state, settings):
        self.provider, self.state, self.settings, self.port = provider, state, settings, 0
        self.start("--settings", json.dumps(settings))

    def start(self, *more):
        command = [sys.executable, str(SCRIPT), "--provider", self.provider]
        command += ["--state", str(self.state), "--port", str(self.port), *more]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.base_url = self.url + BASES[self.provider]

    def stats(self):
        return self._get("/_stats")

    def billed(self):
        """How often each custom_id was billed."""
        return self._get("/_keys")

    def set(self, **more):
        self.replace(self._get("/_settings") | more)

    def replace(self, settings):
        body = json.dumps(settings).encode()
        urllib.request.urlopen(f"{self.url}/_settings", data=body).read()

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process.stdout.close()

    def restart(self):
        self.kill()
        self.start()

    def _get(self, path):
        return json.load(urllib.request.urlopen(self.url + path))


@pytest.fixture(scope="session")
def batch_server(tmp_path_factory):
    started = []

    def start(provider, **settings):
        started.append(BatchServer(provider, tmp_path_factory.mktemp(provider), settings))
        return started[-1]

    yield start
    for server in started:
        server.kill()
