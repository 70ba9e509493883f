"""A server of OpenAI's chat completions for the engine `openai-server`: slow, deterministic, and counting.

    python tests/slurm/slow_server.py PORT NAME FOLDER

FOLDER/NAME.latency holds the seconds of an answer, and is read at each call: a test can hurry it. Each call
is a line in FOLDER/NAME.calls, `received DIGEST` or `answered DIGEST`, by the digest of its body, and each
start one: `started DEVICES JOB`. The answer is a number that follows from the messages alone.
"""

import hashlib
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT, NAME, FOLDER = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
CALLS = os.open(FOLDER / f"{NAME}.calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


def note(*words: str) -> None:
    """One line, written at once: several servers may write to the same file."""
    os.write(CALLS, (" ".join(words) + "\n").encode())


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.reply({"status": "ok"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        note("received", digest(body))
        time.sleep(float((FOLDER / f"{NAME}.latency").read_text()))
        text = str(int(digest(body["messages"]), 16) % 100)
        self.reply(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 0,
                "model": NAME,
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "stop",
                        "message": {"role": "assistant", "content": text},
                    }
                ],
                "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
            }
        )
        note("answered", digest(body))

    def reply(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


note("started", os.environ.get("CUDA_VISIBLE_DEVICES", "-"), os.environ.get("SLURM_JOB_ID", "-"))
ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
