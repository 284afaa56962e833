"""Writes the node cases of ONNX's own suite, as its `backend-test-tools generate-data` does: onnx-suite.py FOLDER"""
import sys

import numpy

# ONNX of that time names types that NumPy has removed since.
for name, kind in (("bool", bool), ("int", int), ("float", float), ("object", object), ("str", str), ("complex", complex)):
    if name not in numpy.__dict__:
        setattr(numpy, name, kind)

from onnx.backend.test.cmd_tools import main  # noqa: E402

sys.argv = ["backend-test-tools", "generate-data", "-o", sys.argv[1]]
main()
