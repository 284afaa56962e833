"""How soon PyTorch has a state dict, from its own file by torch.load and from the store by holdfast.load_file; prints one JSON line.

    torch_ready.py '{"from": "file" | "store", "model": PATH or NAME, "count": N, "hold": BOOL}'
    torch_ready.py '{"save": PATH, "model": NAME}'    writes what the store has as a file of torch
"""

import json
import sys
import time

import torch

import holdfast

request = json.loads(sys.argv[1])
torch.set_num_threads(1)

if "save" in request:
    torch.save({name: tensor.clone() for name, tensor in holdfast.load_file(request["model"]).items()}, request["save"])
    sys.exit(0)

ready_ms = []
for _ in range(request["count"]):
    started = time.perf_counter()
    state = torch.load(request["model"]) if request["from"] == "file" else holdfast.load_file(request["model"])
    ready_ms.append((time.perf_counter() - started) * 1000)
    if request["hold"]:
        total = sum(float(tensor.float().sum()) for tensor in state.values())
        print(json.dumps({"readyMs": ready_ms, "sum": total}), flush=True)
        sys.stdin.read()
    del state
if not request["hold"]:
    print(json.dumps({"readyMs": ready_ms}))
