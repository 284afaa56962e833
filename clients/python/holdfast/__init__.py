"""Maps the models of this machine's Holdfast store into the process, without copying.

    import holdfast

    with holdfast.open("acme/resnet50:v3") as model:
        header = model.file("model.safetensors")[:8]    # memoryview of shared, read-only memory
        layer = model.tensor("layer.0.weight")          # NumPy array over it
        weight = model.torch("layer.0.weight")          # torch tensor over a private copy-on-write map

    state = holdfast.load_file("acme/resnet50:v3")      # all tensors, as safetensors.torch.load_file gives them

Nothing here is compiled when it is installed: it calls libholdfast.so through ctypes. NumPy and torch are imported by what needs them.

What a model gave stays valid for as long as anybody holds it: a buffer, an array or a tensor keeps the memory and the lease, also after
the model was closed. Any thread may use any object. Objects from before a fork() belong to the parent; their bytes can still be read.
"""

from ._connection import Connection, StoreStatus, connect, load_file, open
from ._errors import HoldfastError
from ._model import File, Model, TensorInfo

__all__ = [
    "Connection",
    "File",
    "HoldfastError",
    "Model",
    "StoreStatus",
    "TensorInfo",
    "connect",
    "load_file",
    "open",
]
__version__ = "0.1.0"
