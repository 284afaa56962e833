"""Bytes as NumPy arrays and torch tensors, by the names that safetensors and GGUF give to types."""

import functools

from ._errors import HoldfastError

# NumPy has no bfloat16 and no 8-bit floats: unsigned integers of their size.
_NUMPY_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
    "F8_E4M3": "u1",
    "F8_E5M2": "u1",
    "F8_E8M0": "u1",
    "C64": "<c8",
}

_TORCH_TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "C64": "complex64",
}


def numpy_array(view, info):
    import numpy

    dtype = _NUMPY_TYPES.get(info.dtype)
    # Blocks of quantised weights have no element that could be counted by the shape.
    if dtype is None:
        return numpy.frombuffer(view, "u1")
    return numpy.frombuffer(view, dtype).reshape(info.shape)


def torch_tensor(buffer, info):
    import torch

    dtype = _torch_type(info.dtype)
    if dtype is None:
        return torch.frombuffer(buffer, dtype=torch.uint8) if len(buffer) > 0 else torch.empty(0, dtype=torch.uint8)
    if len(buffer) == 0:
        return torch.empty(info.shape, dtype=dtype)
    return torch.frombuffer(buffer, dtype=dtype).reshape(info.shape)


@functools.lru_cache(maxsize=None)
def _torch_type(name):
    """None for a type that is not one of elements; an error for one that this torch is too old for."""
    import torch

    known = _TORCH_TYPES.get(name)
    if known is None:
        return None
    dtype = getattr(torch, known, None)
    if dtype is None:
        raise HoldfastError("BAD_REQUEST", f"torch {torch.__version__} has no {known}, which {name} is; read it with tensor().")
    return dtype
