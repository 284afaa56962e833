"""Memory of the library as Python buffers that own what they show.

    memoryview, ndarray, tensor  ->  ctypes array  ->  _handle  ->  the model's lease, or a private map of one of its files

The arrow is a reference, so that the memory goes when the last view has gone, in whatever order things are closed.
"""

import ctypes
import os

from ._errors import HoldfastError
from ._library import byref, call, deadline, library


class ModelHandle:
    """A holdfast_model; closed when nothing refers to it. In a child of fork() it is the parent's, and left alone."""

    def __init__(self, pointer):
        self.pointer = pointer
        self._pid = os.getpid()

    def use(self):
        if self._pid != os.getpid():
            raise HoldfastError("BAD_REQUEST", "the model was opened before a fork; open it again in this process.")
        return self.pointer

    def __del__(self):
        if self._pid == os.getpid():
            library.holdfast_close(self.pointer)


class PrivateMap:
    """A copy-on-write map of a whole file. Keeps the lease too: what is not written to is still the store's memory."""

    def __init__(self, handle, file, deadline_ms):
        self._handle = handle
        self.address = ctypes.c_void_p()
        size_bytes = ctypes.c_uint64()
        call("map_private", handle.use(), file, deadline(deadline_ms), byref(self.address), byref(size_bytes))
        self.size_bytes = size_bytes.value

    def buffer(self, offset_bytes, size_bytes):
        return buffer_at(self, (self.address.value or 0) + offset_bytes, size_bytes)

    def __del__(self):
        if getattr(self, "size_bytes", 0) > 0:
            library.holdfast_unmap_private(self.address, self.size_bytes)


def shared_buffer(handle, file, offset_bytes, size_bytes, deadline_ms):
    """Waits until the range has arrived. The result claims to be writable and is not: hand it out as a read-only memoryview."""
    address = ctypes.c_void_p()
    call("wait_range", handle.use(), file, offset_bytes, size_bytes, deadline(deadline_ms), byref(address))
    return buffer_at(handle, address.value or 0, size_bytes)


def buffer_at(owner, address, size_bytes):
    if size_bytes == 0:
        return (ctypes.c_ubyte * 0)()
    buffer = (ctypes.c_ubyte * size_bytes).from_address(address)
    buffer._handle = owner
    return buffer
