"""What an entry of config/models.yaml may say of a model that is served on a node of one's own."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from splitplot import job_resources
from splitplot.config_model import Section
from splitplot.errors import near_miss
from splitplot.registry_arguments import check_command, check_extra

SHA256_ADVICE = (
    "must be the 64 hexadecimal digits that `sha256sum` prints for the weights: "
    "they are the identity of a local model"
)
PLACEHOLDERS = ("port", "model", "weights", "scratch")


def _word(value: str) -> str:
    if not re.fullmatch(r"[^\s'\"`$;\\-][^\s'\"`$;\\]*", value):
        raise ValueError("must be one word, without spaces, quotes, $, ;, \\ or a - at its start")
    return value


Word = Annotated[str, AfterValidator(_word)]
"""Text that reaches Slurm's command line."""


class Named(Section):
    """An entry that may go by another name than it identifies itself with."""

    model: str | None = None

    def model_id(self, name: str) -> str:
        """provider/model, route-independent; the name of the entry where it says nothing else."""
        return self.model or name


class Resources(Section):
    """What a job that serves the model asks of its node; nothing of it changes an id.

    gpus, gpu_type: number, and the type as the cluster calls it. memory_mb, cpus: of the whole job.
    runtime_minutes: time limit. partition, account, qos, constraint: as Slurm knows them.
    scratch: a folder of the node for the engine's files; $VARIABLES of the node are put in.
    """

    gpus: int | None = Field(None, ge=0)
    gpu_type: Word | None = None
    memory_mb: int | None = Field(None, ge=1)
    cpus: int | None = Field(None, ge=1)
    runtime_minutes: int | None = Field(None, ge=1)
    partition: Word | None = None
    account: Word | None = None
    qos: Word | None = None
    constraint: Word | None = None
    scratch: str | None = Field(None, min_length=1)


class Speed(Section):
    """How fast the model answers on its node, as measured once: for plans of time, not for ids."""

    start_seconds: float | None = Field(None, ge=0)
    answers_per_minute: float | None = Field(None, gt=0)


class LocalEntry(Named):
    """What all engines have: context (tokens of one request, prompt and answer together), slots
    (answers at the same time), and what a job of theirs asks of a cluster."""

    route: Literal["local"] | None = None
    engine: str = "llama.cpp"
    context: int = Field(2048, ge=64)
    slots: int = Field(4, ge=1)
    resources: Resources = Field(default_factory=lambda: Resources.model_validate({}))
    speed: Speed = Field(default_factory=lambda: Speed.model_validate({}))
    sim: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _has_a_gpu_of_its_type(self) -> "LocalEntry":
        given = self.resources
        endpoint = {
            "engine": self.engine,
            "resources": given.model_dump(exclude_none=True),
            "tensor_parallel": getattr(self, "tensor_parallel", None) or 1,
            "gpu_layers": getattr(self, "gpu_layers", 0),
        }
        if given.gpu_type is not None and not job_resources.gpus({"endpoint": endpoint}):
            raise ValueError(
                f"resources.gpu_type: {given.gpu_type}, but a job of it asks for no GPU; write "
                f"resources: {{gpus: 1, gpu_type: {given.gpu_type}}}, or leave gpu_type out"
            )
        return self


class Weights(Section):
    """A GGUF file: inside an installed Python package, or by path."""

    package: str | None = None
    file: str | None = None
    path: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> "Weights":
        in_package = self.package is not None and self.file is not None and self.path is None
        by_path = self.path is not None and self.package is None and self.file is None
        if not (in_package or by_path):
            raise ValueError("give {package, file} or {path}")
        return self


class LlamaEntry(LocalEntry):
    """A GGUF file, served inside the job by llama.cpp. gpu_layers: layers on the GPU (0: none)."""

    engine: Literal["llama.cpp"] = "llama.cpp"
    weights: Weights
    sha256: str
    threads: int = Field(1, ge=1)
    gpu_layers: int = Field(0, ge=0)
    chat_template: str | None = None

    @field_validator("sha256")
    @classmethod
    def _is_a_sha256(cls, value: str) -> str:
        return _sha256(value)

    @model_validator(mode="after")
    def _has_a_gpu(self) -> "LlamaEntry":
        if self.gpu_layers and self.resources.gpus == 0:
            raise ValueError(
                f"gpu_layers: {self.gpu_layers} needs a GPU, but resources.gpus is 0; "
                "write gpu_layers: 0, or resources: {gpus: 1}"
            )
        return self


class VllmWeights(Section):
    """A model of the Hugging Face hub at a commit, or a folder laid out like one."""

    hf: str | None = None
    revision: str | None = None
    path: str | None = None

    @field_validator("hf")
    @classmethod
    def _is_on_the_hub(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[\w.-]+/[\w.-]+", value):
            raise ValueError("must be org/name, as on the Hugging Face hub")
        return value

    @field_validator("revision")
    @classmethod
    def _is_a_commit(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[0-9a-fA-F]{40}", value):
            raise ValueError(
                "must be the 40 hexadecimal digits of a commit of the model's repository, so that the "
                "weights cannot change under a study; a branch such as main can"
            )
        return value.lower() if value is not None else None

    @model_validator(mode="after")
    def _one_place(self) -> "VllmWeights":
        on_hub = self.hf is not None and self.revision is not None and self.path is None
        by_path = self.path is not None and self.hf is None and self.revision is None
        if not (on_hub or by_path):
            raise ValueError("give {hf: org/name, revision: commit} or {path: folder}")
        return self


class VllmEntry(LocalEntry):
    """A model served by vLLM in a process of its own.

    context, slots: its max_model_len and max_num_seqs. seed: of the engine; by default each request
    has its own, made from its key. extra_args: further arguments; part of the id, as they may change
    answers. command: how vLLM is called here. mode: `run-batch`, `server`, or the one that suits.
    stall_timeout_s: so long a loaded run-batch may write nothing.
    """

    engine: Literal["vllm"]
    weights: VllmWeights
    sha256: str | None = None
    context: int = Field(ge=64)
    slots: int = Field(64, ge=1)
    dtype: Literal["auto", "half", "float16", "bfloat16", "float", "float32"] = "auto"
    quantization: str | None = Field(None, min_length=1)
    tensor_parallel: int | None = Field(None, ge=1)
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1)
    seed: int | None = Field(None, ge=0, lt=2**31)
    chat_template: str | None = None
    extra_args: list[str] = Field([])
    command: list[str] = Field(["vllm"], min_length=1)
    mode: Literal["auto", "run-batch", "server"] = "auto"
    start_timeout_s: float = Field(1800, gt=0)
    stall_timeout_s: float = Field(3600, gt=0)
    stop_grace_s: float = Field(30, ge=0)
    max_attempts: int = Field(20, ge=1)

    @field_validator("sha256")
    @classmethod
    def _is_a_sha256(cls, value: str | None) -> str | None:
        return _sha256(value) if value is not None else None

    @field_validator("extra_args")
    @classmethod
    def _leaves_ours_alone(cls, value: list[str]) -> list[str]:
        return check_command(check_extra(value))

    @field_validator("command")
    @classmethod
    def _holds_no_secret(cls, value: list[str]) -> list[str]:
        return check_command(value)

    @model_validator(mode="after")
    def _fits_together(self) -> "VllmEntry":
        gpus = self.resources.gpus
        if self.tensor_parallel and gpus is not None and max(gpus, 1) % self.tensor_parallel:
            allowed = [n for n in range(1, max(gpus, 1) + 1) if max(gpus, 1) % n == 0]
            raise ValueError(
                f"tensor_parallel: {self.tensor_parallel} must divide resources.gpus, which is {gpus}; "
                f"allowed here: {', '.join(map(str, allowed))}"
            )
        if self.weights.path is not None and self.sha256 is None:
            raise ValueError(
                "weights {path} need a sha256, which identifies the model; to learn it: "
                f"python -m splitplot.calls.engines.weights {self.weights.path}"
            )
        if self.weights.path is None and self.sha256 is not None:
            raise ValueError(
                "sha256 is for weights {path}; weights {hf} are known by their revision"
            )
        return self


class ServerWeights(Section):
    """What {weights} in a command stands for."""

    path: str = Field(min_length=1)


class ServerEntry(LocalEntry):
    """A model served by a command of one's own that speaks OpenAI's chat API.

    command: with {port}, {model}, {weights}, {scratch}. revision: what answers, in words of one's own;
    part of the id. key_variable: the environment variable in which the server finds the key that it
    is to ask for. seed: `per-request`, or `none` for a server that refuses a seed.
    """

    engine: Literal["openai-server"]
    command: list[str] = Field(min_length=1)
    revision: str = Field(min_length=1)
    sent_as: str | None = Field(None, min_length=1)
    weights: ServerWeights | None = None
    context: int = Field(ge=64)
    health: str = "/health"
    base_path: str = "/v1"
    key_variable: str | None = None
    seed: Literal["per-request", "none"] = "per-request"
    start_timeout_s: float = Field(600, gt=0)
    stop_grace_s: float = Field(30, ge=0)
    max_attempts: int = Field(20, ge=1)

    @field_validator("health", "base_path")
    @classmethod
    def _is_a_path(cls, value: str) -> str:
        if value and (not value.startswith("/") or re.search(r"\s", value)):
            raise ValueError("must be a path of the server, such as /health or /v1")
        return value.rstrip("/")

    @field_validator("key_variable")
    @classmethod
    def _is_a_variable(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
            raise ValueError(
                "must be the name of an environment variable, e.g. LLAMA_API_KEY; "
                "the key itself is made anew at each start"
            )
        return value

    @field_validator("command")
    @classmethod
    def _has_known_placeholders(cls, value: list[str]) -> list[str]:
        check_command(value)
        named = [name for argument in value for name in re.findall(r"\{([a-z_]+)\}", argument)]
        if "api_key" in named:
            raise ValueError(
                "{api_key}: every user of the node can read a command (ps); name the environment "
                "variable in which the server looks for its key, e.g. key_variable: LLAMA_API_KEY"
            )
        for name in named:
            if name not in PLACEHOLDERS:
                raise ValueError(
                    f"{{{name}}} stands for nothing{near_miss(name, list(PLACEHOLDERS))}"
                )
        if "port" not in named:
            raise ValueError("must say {port} somewhere: the server's port is chosen at its start")
        return value

    @model_validator(mode="after")
    def _has_its_weights(self) -> "ServerEntry":
        if self.weights is None and any("{weights}" in argument for argument in self.command):
            raise ValueError("command says {weights}; give weights: {path: …}")
        return self


ENGINES: dict[str, type[LocalEntry]] = {
    "llama.cpp": LlamaEntry,
    "vllm": VllmEntry,
    "openai-server": ServerEntry,
}


def _sha256(value: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise ValueError(SHA256_ADVICE)
    return value.lower()
