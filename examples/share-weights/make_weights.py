"""Writes a safetensors file of random bytes: make_weights.py FOLDER [MEGABYTES]"""

import json
import os
import struct
import sys

folder, megabytes = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 32
size = megabytes << 20
tensors = {"layer.0.weight": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}
header = json.dumps(tensors).encode()
os.makedirs(folder, exist_ok=True)
with open(os.path.join(folder, "model.safetensors"), "wb") as file:
    file.write(struct.pack("<Q", len(header)) + header)
    for _ in range(megabytes):
        file.write(os.urandom(1 << 20))
