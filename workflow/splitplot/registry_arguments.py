"""Arguments of an engine that an entry of config/models.yaml may not give: ours, and secrets."""

import re

_SET_BY_US = (
    *("-i", "--input-file", "-o", "--output-file", "--model", "--served-model-name"),
    *("--host", "--port", "--url", "--uds"),
)
_SEEN = "every user of the node can read a command (ps)"
_KEPT = f"{_SEEN}, and it would stand in plan.json"
_KEY_ADVICE = (
    "name the environment variable in which the server looks for its key, e.g. "
    "key_variable: LLAMA_API_KEY; the key itself is made anew at each start"
)
_TOKEN_ADVICE = (
    "put the token into the environment variable HF_TOKEN; into a container it gets as "
    "APPTAINERENV_HF_TOKEN, or by `--env HF_TOKEN` of podman, without a value"
)
_OURS = dict.fromkeys(_SET_BY_US, "is set by the workflow; leave it out")
_OURS |= {
    "--enable-metrics": "opens a port to everybody (0.0.0.0); leave it out",
    "--api-key": "is set by the workflow, in the environment; leave it out",
    "--hf-token": f"is refused: {_SEEN}; put the token into the environment variable HF_TOKEN",
    "--config": "is refused: what such a file says is no part of the id; give its arguments here",
}
_OURS |= {
    name: f"has a key of its own: {key}"
    for name, key in {
        "--revision": "weights.revision",
        "--tokenizer-revision": "weights.revision",
        "--dtype": "dtype",
        "--quantization": "quantization",
        "-q": "quantization",
        "--tensor-parallel-size": "tensor_parallel",
        "-tp": "tensor_parallel",
        "--max-model-len": "context",
        "--gpu-memory-utilization": "gpu_memory_utilization",
        "--max-num-seqs": "slots",
        "--seed": "seed",
        "--chat-template": "chat_template",
    }.items()
}
_NAMES_OF_OTHERS = frozenset({"--tokenizer"})
"""Whole names of vLLM that one of ours begins with."""

SECRET_WORDS = "KEY|TOKEN|SECRET|PASSWORD"
"""How a variable ends that holds a secret, alone or after a _, in capitals or not."""

_SECRET = re.compile(r"(--(?:api|hf)[-_](?:key|token))[\"']?(?:[=\s]\s*[\"']?([^\s$\-{`\"'])|$)")
_VARIABLE = re.compile(
    rf"(?:(?<![\w-])(?i:((?:\w*_)?(?:{SECRET_WORDS})))|(?<!\w)((?:\w*_)?(?:{SECRET_WORDS})))"
    r"=[\"']?[^\s${`\"']"
)
"""NAME=value anywhere in a word, unless the value is $NAME, {name} or what another command prints. After
a dash in capitals only: `-eHF_TOKEN=…` of a container is one, `--pad-token=…` is none."""

SECRET_PREFIXES = "sk|pk|gsk|xai|hf|r8|key|csk|fw|pplx|nvapi|tgp_v1"
"""How keys and tokens of providers begin, before a - or _."""

_SHAPED = re.compile(
    rf"(?<![\w/.-])(?:(?:{SECRET_PREFIXES})[-_](?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{{16,}}|AIza[\w-]{{30,}})"
    r"|Bearer\s+[^\s${`]"
)
"""A key or token by its looks, anywhere in a word. With a digit, and not in a path: hf_cache is a folder."""


def check_extra(arguments: list[str]) -> list[str]:
    """Raise ValueError for an argument of vLLM that is not the entry's to give, however it is written.

    vLLM takes _ for -, and any beginning of a name that is that of one argument alone.
    """
    for argument in arguments:
        if not re.match(r"--?[A-Za-z]", argument):
            continue  # a value
        name = argument.partition("=")[0].partition(".")[0].replace("_", "-")
        for ours, why in _OURS.items():
            joined = len(ours) == 2 and not name.startswith("--") and name.startswith(ours)
            begun = ours.startswith(name) and name not in _NAMES_OF_OTHERS
            if joined or (begun and (name == ours or name not in _OURS)):
                meant = "" if name == ours else f" (read as {ours})"
                raise ValueError(f'"{name}"{meant} {why}')
    return arguments


def check_command(command: list[str]) -> list[str]:
    """Raise ValueError for a command, or its arguments, with a key or token in words within one of them.

    The message never repeats the secret.
    """
    for argument, following in zip(command, [*command[1:], ""], strict=True):
        for name, value in _SECRET.findall(argument):
            if value or re.match(r"[^\s$\-{]", following):
                raise ValueError(f"{name}: {_SEEN}; leave it out and {_advice(name)}")
        if set_here := _VARIABLE.search(argument):
            name = set_here[1] or set_here[2]
            raise ValueError(f"{name}=…: {_KEPT}; leave it out and {_advice(name)}")
        if _SHAPED.search(argument):
            raise ValueError(
                f"holds what looks like a token or key: {_KEPT}; leave it out and {_TOKEN_ADVICE}"
            )
    return command


def _advice(name: str) -> str:
    if "token" in name.lower():
        return _TOKEN_ADVICE
    if name.startswith("--"):
        return _KEY_ADVICE
    return f"set it in the environment of the run; of the key of a server, {_KEY_ADVICE}"
