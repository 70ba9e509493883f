#!/usr/bin/env python3
"""A stand-in for the `vllm` command: `run-batch`, `serve` and `--version`, without a model or a GPU.

It follows what vLLM's own code does (entrypoints/openai/run_batch.py of several versions, and
entrypoints/launchers/run_batch.py, cli_args.py): names of arguments, shape of an output line, an output
opened with "w", input order through a reorder buffer that is flushed at each 100th line, a line that is
no valid request ending the run, a metrics port on 0.0.0.0 where one is asked for, exit codes, /health
without a key and /v1 with one (VLLM_API_KEY).

What it does is told by environment variables:
FAKE_VLLM_WRITES     "stream" (default, flushed at each 100th line), "each" (flushed line by line),
                     "end" (only when all is done, as most versions of vLLM do), "bare" (the same,
                     without a newline at the end, as older versions do)
FAKE_VLLM_CUT        the last line is cut in half, and all is said to be well; once, where
                     FAKE_VLLM_STATE is set
FAKE_VLLM_START_S    seconds until it is ready
FAKE_VLLM_ANSWER_S   seconds for one answer
FAKE_VLLM_DIE_AFTER  exits with code 1 when so many lines are written; once, where FAKE_VLLM_STATE is set
FAKE_VLLM_TORN       with DIE_AFTER: leaves half a line behind
FAKE_VLLM_POISON     text in a prompt that kills the engine
FAKE_VLLM_DYING_S    with POISON: `serve` answers 500 to all for so long before it ends, as vLLM does when
                     its engine core has died
FAKE_VLLM_HANGS      text in a prompt at which it goes on for ever without a word
FAKE_VLLM_HANGS_ONCE with HANGS: the first time only, where FAKE_VLLM_STATE is set
FAKE_VLLM_SILENT     text in a prompt that gets no line at all
FAKE_VLLM_FAILS      text in a prompt that is answered with an error of the request
FAKE_VLLM_NO_START   exits with code 1 before it is ready, with this as its last words
FAKE_VLLM_IGNORES_TERM  goes on after SIGTERM
FAKE_VLLM_PORT_TAKEN    `serve` finds its port taken; once, where FAKE_VLLM_STATE is set
FAKE_VLLM_STATE      a folder in which it remembers what it has done already, and logs its calls
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VERSION = "0.99.1"
FLUSH_EACH = 100
DYING = threading.Event()


def setting(name, default=""):
    return os.environ.get(f"FAKE_VLLM_{name}", default)


def first_time(name):
    """Whether this has not happened yet, by the state folder; always, where there is none."""
    if not setting("STATE"):
        return True
    try:
        (Path(setting("STATE")) / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def log_call(arguments):
    if setting("STATE"):
        told = {
            "argv": sys.argv[1:],
            "environment": {
                name: os.environ.get(name)
                for name in (
                    "HF_HUB_OFFLINE",
                    "VLLM_NO_USAGE_STATS",
                    "DO_NOT_TRACK",
                    "VLLM_API_KEY",
                )
            },
            "pid": os.getpid(),
        }
        source = getattr(arguments, "input_file", None)
        if source:
            told["lines"] = Path(source).read_text(encoding="utf-8").splitlines()
        with (Path(setting("STATE")) / "calls.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")


class Rejected(Exception):
    """What pydantic raises for a line that is no valid request."""


def validated(text):
    """A line as vLLM's models accept it; raises as they do."""
    text.encode("utf-8")
    try:
        line = json.loads(text)
    except ValueError as error:
        raise Rejected(f"Invalid JSON: {error}") from error
    for name in ("custom_id", "method", "url"):
        if not isinstance(line.get(name), str):
            raise Rejected(f"{name}: Field required")
    if "\\ud8" in text.lower() and "\\udc" not in text.lower():
        raise Rejected("Invalid JSON: lone leading surrogate in hex escape")
    body = line.get("body")
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        raise Rejected("body.messages: Input should be a valid list")
    for message in body["messages"]:
        if not isinstance(message, dict) or "role" not in message:
            raise Rejected("body.messages.0.role: Field required")
    for name in ("max_tokens", "seed", "n", "top_k"):
        value = body.get(name)
        if value is not None and (not isinstance(value, int) or abs(value) >= 2**63):
            raise Rejected(f"body.{name}: Input should be a valid integer")
    for name in ("temperature", "top_p"):
        if body.get(name) is not None and not isinstance(body[name], int | float):
            raise Rejected(f"body.{name}: Input should be a valid number")
    if body.get("stream_options") and not body.get("stream"):
        raise Rejected("Stream options can only be defined when `stream=True`.")
    if body.get("top_logprobs") and not body.get("logprobs"):
        raise Rejected("when using `top_logprobs`, `logprobs` must be set to true.")
    return line


def prompt_of(body):
    return " ".join(str(message.get("content")) for message in body["messages"])


def chat(body, served):
    """(status, body) as the chat endpoint answers."""
    prompt = prompt_of(body)
    if setting("POISON") and setting("POISON") in prompt:
        print("RuntimeError: CUDA error: an illegal memory access was encountered", flush=True)
        dying_s = float(setting("DYING_S", "0"))
        if not dying_s:
            os._exit(1)
        DYING.set()
        threading.Timer(dying_s, os._exit, (1,)).start()
    if DYING.is_set():
        return 500, error(500, "InternalServerError", "EngineCore encountered an issue.")
    if setting("HANGS") and setting("HANGS") in prompt:
        while not setting("HANGS_ONCE") or first_time("hung"):
            time.sleep(600)
    time.sleep(float(setting("ANSWER_S", "0")))
    if body.get("model") not in (None, served):
        return 404, error(404, "NotFoundError", f"The model `{body['model']}` does not exist.")
    if setting("FAILS") and setting("FAILS") in prompt:
        return 400, error(
            400, "BadRequestError", "This model's maximum context length is 64 tokens."
        )
    text = f"echo: {prompt}"
    return 200, {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": served,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "logprobs": None,
                "finish_reason": "stop",
                "stop_reason": None,
            }
        ],
        "usage": {
            "prompt_tokens": len(prompt.split()),
            "total_tokens": len(prompt.split()) + 3,
            "completion_tokens": 3,
        },
        "system_fingerprint": json.dumps(body.get("seed")),
    }


def error(status, kind, message):
    return {"error": {"message": message, "type": kind, "param": None, "code": status}}


def output_line(line, served):
    """One line of the output file, or None where the line is passed over."""
    if setting("SILENT") and setting("SILENT") in prompt_of(line["body"]):
        return None
    status, body = chat(line["body"], served)
    response = {"status_code": status, "request_id": f"vllm-batch-{uuid.uuid4().hex}"}
    return {
        "id": f"vllm-{uuid.uuid4().hex}",
        "custom_id": line["custom_id"],
        "response": response | {"body": body if status == 200 else None},
        "error": None if status == 200 else body,
    }


class Writer:
    """The output file: in input order, through a buffer that is flushed at each 100th line."""

    def __init__(self, path):
        self.kind = setting("WRITES", "stream")
        self.path = path
        self.written = 0
        self.kept = []
        self.file = None
        if self.kind not in ("end", "bare"):
            self.file = Path(path).open("w", encoding="utf-8")  # noqa: SIM115 – open to the end
        self.die_after = int(setting("DIE_AFTER", "0"))

    def add(self, line):
        text = json.dumps(line) + "\n"
        if self.file is None:
            self.kept.append(text)
        else:
            self.file.write(text)
        self.written += 1
        if self.file and (self.kind == "each" or self.written % FLUSH_EACH == 0):
            self.file.flush()
        if self.written == self.die_after and first_time("died"):
            if setting("TORN") and self.file:
                self.file.write(text[: len(text) // 2])
            if self.file:
                self.file.flush()
            print("torch.OutOfMemoryError: CUDA out of memory.", flush=True)
            os._exit(1)

    def close(self):
        if self.file is None:
            text = "".join(self.kept)
            text = text.strip() if self.kind == "bare" else text
            if setting("CUT") and first_time("cut"):
                text = text[: -len(self.kept[-1]) // 2]
            Path(self.path).write_text(text, encoding="utf-8")
        else:
            self.file.close()


def run_batch(arguments):
    served = (arguments.served_model_name or [arguments.model])[0]
    print(f"INFO 11-21 10:00:00 [run_batch.py:1] vLLM batch processing API version {VERSION}")
    if arguments.enable_metrics:
        print(f"Prometheus metrics enabled on {arguments.url}:{arguments.port}")
    else:
        print("Prometheus metrics disabled", flush=True)
    load()
    print(f"Reading batch from {arguments.input_file}...", flush=True)
    streams = setting("WRITES", "stream") not in ("end", "bare")
    writer = Writer(arguments.output_file)
    texts = [
        text.strip()
        for text in Path(arguments.input_file).read_text(encoding="utf-8").split("\n")
        if text.strip()
    ]
    # Versions that write at the end read the whole file first; the others read as they go. In both a
    # line that is refused raises outside any `try`.
    lines = (validated(text) for text in texts) if streams else [validated(t) for t in texts]
    for line in lines:
        answer = output_line(line, served)
        if answer is not None:
            writer.add(answer)
    writer.close()


def load():
    time.sleep(float(setting("START_S", "0")))
    if setting("NO_START"):
        print(f"ERROR {setting('NO_START')}", flush=True)
        sys.exit(1)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served = ""

    def reply(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/health":
            self.reply(200, {})
        elif self.path == "/version":
            self.reply(200, {"version": VERSION})
        else:
            self.reply(404, {"detail": "Not Found"})

    def do_POST(self):
        data = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        key = os.environ.get("VLLM_API_KEY")
        if key and self.headers.get("Authorization") != f"Bearer {key}":
            self.reply(401, {"error": "Unauthorized"})
        elif self.path != "/v1/chat/completions":
            self.reply(404, {"detail": "Not Found"})
        else:
            self.reply(*chat(json.loads(data), self.served))

    def log_message(self, *_):
        pass


def serve(arguments):
    Handler.served = (arguments.served_model_name or [arguments.model_tag])[0]
    if setting("PORT_TAKEN") and first_time("port"):
        print("OSError: [Errno 98] Address already in use", flush=True)
        sys.exit(1)
    load()
    server = ThreadingHTTPServer((arguments.host or "0.0.0.0", arguments.port), Handler)
    print(f"INFO: Uvicorn running on {server.server_address}", flush=True)
    server.serve_forever()


def parser():
    parser = argparse.ArgumentParser(prog="vllm")
    parser.add_argument("-v", "--version", action="version", version=VERSION)
    commands = parser.add_subparsers(dest="subparser")
    batch = commands.add_parser("run-batch")
    batch.add_argument("-i", "--input-file", required=True)
    batch.add_argument("-o", "--output-file", required=True)
    batch.add_argument("--output-tmp-dir")
    batch.add_argument("--model", required=True)
    batch.add_argument("--enable-metrics", action="store_true")
    batch.add_argument("--url", default="0.0.0.0")
    server = commands.add_parser("serve")
    server.add_argument("model_tag")
    server.add_argument("--host")
    server.add_argument("--api-key")
    for command in (batch, server):
        command.add_argument("--port", type=int, default=8000)
        command.add_argument("--served-model-name", nargs="+")
        command.add_argument("--revision")
        command.add_argument("--tokenizer-revision")
        command.add_argument("--dtype", default="auto")
        command.add_argument("--quantization", "-q")
        command.add_argument("--tensor-parallel-size", "-tp", type=int, default=1)
        command.add_argument("--max-model-len", type=int)
        command.add_argument("--gpu-memory-utilization", type=float, default=0.9)
        command.add_argument("--max-num-seqs", type=int)
        command.add_argument("--seed", type=int)
        command.add_argument("--chat-template")
        command.add_argument("--enforce-eager", action="store_true")
    return parser


def main():
    arguments = parser().parse_args()
    log_call(arguments)
    if setting("IGNORES_TERM"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # vLLM's engine core is a process of its own, which must not outlive it either.
    core = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL)
    if setting("STATE"):
        (Path(setting("STATE")) / "core.pid").write_text(str(core.pid))
    if arguments.subparser == "run-batch":
        run_batch(arguments)
    else:
        serve(arguments)
    core.kill()


if __name__ == "__main__":
    main()
