"""An open model: files, ranges and tensors, each waited for alone."""

import ctypes
import threading
import warnings
from dataclasses import dataclass
from typing import Tuple

from . import _views
from ._errors import HoldfastError
from ._library import FileStruct, TensorStruct, byref, call, deadline, library
from ._memory import PrivateMap, shared_buffer


@dataclass(frozen=True)
class File:
    """One file of a model."""

    #: Relative to the model's folder, with "/".
    path: str
    #: In hex.
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class TensorInfo:
    """What a tensor is and where it lies; nothing of its bytes is read."""

    name: str
    #: As the file spells it: "F32", "BF16", "Q4_K".
    dtype: str
    #: Slowest dimension first, for GGUF too.
    shape: Tuple[int, ...]
    #: Of its file.
    path: str
    #: From the start of the file.
    offset_bytes: int
    size_bytes: int


class Model:
    """Made by `open`. Close it, or use it as a context manager."""

    def __init__(self, handle):
        self._handle = handle
        self._lock = threading.Lock()
        self._tensors = None
        self._private_maps = {}
        #: sha256 of the model's manifest, in hex.
        self.digest = library.holdfast_model_digest(handle.use()).decode()
        #: A tuple of File.
        self.files = tuple(self._file_at(index) for index in range(library.holdfast_file_count(handle.use())))
        self._indices = {file.path: index for index, file in enumerate(self.files)}

    def file(self, path, deadline_ms=None):
        """A read-only memoryview of the whole file, once it is there."""
        return self.range(path, 0, self.files[self._index(path)].size_bytes, deadline_ms)

    def range(self, path, offset_bytes, size_bytes, deadline_ms=None):
        """A read-only memoryview of a part of the file; waits for that part alone."""
        buffer = shared_buffer(self._open(), self._index(path), offset_bytes, size_bytes, deadline_ms)
        return memoryview(buffer).cast("B").toreadonly()

    def ready_bytes(self, path):
        """How much of the file has arrived."""
        ready = ctypes.c_uint64()
        call("file_ready", self._open().use(), self._index(path), byref(ready))
        return ready.value

    @property
    def tensors(self):
        """All tensors of the safetensors and GGUF files, by name. Waits for the headers."""
        return self.wait_tensors()

    def wait_tensors(self, deadline_ms=None):
        """As `tensors`, with a deadline. Of two tensors with one name the first counts, by order of files.

        A file whose header cannot be read has no tensors here, and a warning says so."""
        handle = self._open()
        if self._tensors is None:
            found = {}
            for index in range(len(self.files)):
                try:
                    infos = list(self._read_tensors(handle, index, deadline_ms))
                except HoldfastError as error:
                    if error.code != "BAD_MODEL_FILE":
                        raise
                    warnings.warn(f"{error.message} Its tensors are left out.", stacklevel=2)
                    continue
                for info in infos:
                    found.setdefault(info.name, info)
            self._tensors = found
        return self._tensors

    def info(self, name, deadline_ms=None):
        """The TensorInfo of one tensor. Reads no more headers than it has to."""
        tensor = TensorStruct()
        call("tensor_find", self._open().use(), name.encode(), deadline(deadline_ms), byref(tensor))
        return self._info(tensor)

    def tensor(self, name, deadline_ms=None):
        """A read-only NumPy array over the shared memory; waits for this tensor alone.

        What NumPy has no type for comes as it lies: BF16 as uint16, 8-bit floats as uint8, both in the tensor's shape; blocks of
        quantised weights as a flat uint8. `info(name).dtype` says what it is.
        """
        info = self.info(name, deadline_ms)
        return _views.numpy_array(self.range(info.path, info.offset_bytes, info.size_bytes, deadline_ms), info)

    def torch(self, name, writable=True, deadline_ms=None):
        """A torch tensor.

        By default over a private copy-on-write map: pages are shared until they are written to, and an operation in place changes
        nothing but this model's tensors. It is one map for each file and waits for the file. With writable=False the tensor lies on the
        shared memory itself and waits for its own bytes only; an operation in place on it ends the process with SIGSEGV.
        """
        info = self.info(name, deadline_ms)
        return _views.torch_tensor(self._bytes_of(info, writable, deadline_ms), info)

    def torch_tensors(self, writable=True, deadline_ms=None):
        """All tensors, by name; see `torch`."""
        infos = self.wait_tensors(deadline_ms).values()
        return {info.name: _views.torch_tensor(self._bytes_of(info, writable, deadline_ms), info) for info in infos}

    def private(self, path, deadline_ms=None):
        """A writable memoryview over the same private copy-on-write map of a file that `torch` uses."""
        size_bytes = self.files[self._index(path)].size_bytes
        return memoryview(self._private_map(path, deadline_ms).buffer(0, size_bytes)).cast("B")

    def close(self):
        """Gives no new views from now on. The lease ends with the last view."""
        with self._lock:
            self._handle = None
            self._private_maps = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return f"<holdfast.Model {self.digest[:12]} {'closed' if self._handle is None else f'{len(self.files)} files'}>"

    def _bytes_of(self, info, writable, deadline_ms):
        if writable:
            return self._private_map(info.path, deadline_ms).buffer(info.offset_bytes, info.size_bytes)
        return shared_buffer(self._open(), self._indices[info.path], info.offset_bytes, info.size_bytes, deadline_ms)

    def _private_map(self, path, deadline_ms):
        handle, index = self._open(), self._index(path)
        known = self._private_maps.get(index)
        if known is not None:
            return known
        made = PrivateMap(handle, index, deadline_ms)
        with self._lock:
            # Closed meanwhile: then the views alone keep it. Made twice by two threads: the first is everybody's.
            return made if self._handle is None else self._private_maps.setdefault(index, made)

    def _read_tensors(self, handle, file, deadline_ms):
        count = ctypes.c_size_t()
        call("tensor_count", handle.use(), file, deadline(deadline_ms), byref(count))
        tensor = TensorStruct()
        for index in range(count.value):
            call("tensor_at", handle.use(), file, index, deadline(deadline_ms), byref(tensor))
            yield self._info(tensor)

    def _info(self, tensor):
        return TensorInfo(
            tensor.name.decode(),
            tensor.dtype.decode(),
            tuple(tensor.shape[: tensor.rank]),
            self.files[tensor.file].path,
            tensor.offset_bytes,
            tensor.size_bytes,
        )

    def _file_at(self, index):
        file = FileStruct()
        call("file_at", self._handle.use(), index, byref(file))
        return File(file.path.decode(), file.sha256.decode(), file.size_bytes)

    def _index(self, path):
        index = self._indices.get(path)
        if index is None:
            raise HoldfastError("UNKNOWN_MODEL", f"the model has no file {path}; it has {', '.join(self._indices)}")
        return index

    def _open(self):
        handle = self._handle
        if handle is None:
            raise HoldfastError("BAD_REQUEST", "the model is closed; open it again.")
        return handle
