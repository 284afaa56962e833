"""Finds libholdfast.so and declares its functions as holdfast.h does."""

import ctypes
import os
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

from ._errors import HoldfastError

_NAME = "libholdfast.so.1"
_NO_DEADLINE = -1


class StoreStatusStruct(ctypes.Structure):
    _fields_ = [
        (name, c_uint64)
        for name in (
            "memory_used_bytes",
            "memory_limit_bytes",
            "disk_used_bytes",
            "disk_limit_bytes",
            "segments",
            "leases",
            "connections",
        )
    ]


class FileStruct(ctypes.Structure):
    _fields_ = [("path", c_char_p), ("sha256", c_char_p), ("size_bytes", c_uint64)]


class TensorStruct(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("dtype", c_char_p),
        ("shape", POINTER(c_uint64)),
        ("rank", c_uint32),
        ("file", c_size_t),
        ("offset_bytes", c_uint64),
        ("size_bytes", c_uint64),
    ]


# Name, arguments; every one of these returns 0, or -1 and leaves an error.
_CALLS = {
    "connect": (c_char_p, c_char_p, c_char_p, c_int64, POINTER(c_void_p)),
    "status": (c_void_p, c_int64, POINTER(StoreStatusStruct)),
    "open": (c_void_p, c_char_p, c_uint32, c_int64, POINTER(c_void_p)),
    "file_at": (c_void_p, c_size_t, POINTER(FileStruct)),
    "file_ready": (c_void_p, c_size_t, POINTER(c_uint64)),
    "wait_range": (c_void_p, c_size_t, c_uint64, c_uint64, c_int64, POINTER(c_void_p)),
    "map_private": (c_void_p, c_size_t, c_int64, POINTER(c_void_p), POINTER(c_uint64)),
    "tensor_count": (c_void_p, c_size_t, c_int64, POINTER(c_size_t)),
    "tensor_at": (c_void_p, c_size_t, c_size_t, c_int64, POINTER(TensorStruct)),
    "tensor_find": (c_void_p, c_char_p, c_int64, POINTER(TensorStruct)),
}


def _places():
    """In order: what the user says, beside this module (an installed package), in the npm package or clone that this folder is in."""
    given = os.environ.get("HOLDFAST_LIBRARY")
    if given:
        return [given]
    here = os.path.dirname(os.path.abspath(__file__))
    package = os.path.dirname(os.path.dirname(os.path.dirname(here)))
    return [os.path.join(here, _NAME), os.path.join(package, "native", "lib", _NAME), _NAME]


def _load():
    failures = []
    for place in _places():
        try:
            return ctypes.CDLL(place)
        except OSError as error:
            failures.append(str(error))
    raise HoldfastError(
        "SYSTEM", f"{_NAME} was not found ({'; '.join(failures)}); set HOLDFAST_LIBRARY to the file in native/lib of Holdfast"
    )


def _declare(library):
    for name, arguments in _CALLS.items():
        function = getattr(library, f"holdfast_{name}")
        function.argtypes = arguments
        function.restype = c_int
    library.holdfast_error_code.restype = c_char_p
    library.holdfast_error_message.restype = c_char_p
    library.holdfast_disconnect.argtypes = (c_void_p,)
    library.holdfast_disconnect.restype = None
    library.holdfast_close.argtypes = (c_void_p,)
    library.holdfast_close.restype = None
    library.holdfast_model_digest.argtypes = (c_void_p,)
    library.holdfast_model_digest.restype = c_char_p
    library.holdfast_file_count.argtypes = (c_void_p,)
    library.holdfast_file_count.restype = c_size_t
    library.holdfast_unmap_private.argtypes = (c_void_p, c_uint64)
    library.holdfast_unmap_private.restype = None
    return library


library = _declare(_load())


def call(name, *arguments):
    """Calls holdfast_NAME; its failure is an exception. Other threads run meanwhile: ctypes gives the interpreter lock away."""
    if getattr(library, f"holdfast_{name}")(*arguments) != 0:
        code = library.holdfast_error_code().decode()
        raise HoldfastError(code, library.holdfast_error_message().decode(errors="replace"))


def deadline(deadline_ms):
    """None waits as long as it takes."""
    if deadline_ms is None:
        return _NO_DEADLINE
    return max(0, int(deadline_ms))


def text(value):
    """None stays NULL, which is the library's default."""
    return None if value is None else os.fsencode(value)


__all__ = ["FileStruct", "StoreStatusStruct", "TensorStruct", "byref", "call", "deadline", "library", "text"]
