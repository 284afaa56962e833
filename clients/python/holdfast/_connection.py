"""Connections to the store of this machine, and the ones that `open` shares within a process."""

import ctypes
import os
import threading
from dataclasses import dataclass

from ._errors import HoldfastError
from ._library import StoreStatusStruct, byref, call, deadline, library, text
from ._memory import ModelHandle
from ._model import Model

#: A store answers a greeting from a thread that does nothing else; one that takes this long is stopped or not a store.
CONNECT_DEADLINE_MS = 5_000

_OPEN_COMPLETE = 1


@dataclass(frozen=True)
class StoreStatus:
    """What the store as a whole holds."""

    memory_used_bytes: int
    memory_limit_bytes: int
    disk_used_bytes: int
    disk_limit_bytes: int
    segments: int
    leases: int
    connections: int


class Connection:
    """Made by `connect`. Comes back by itself when the store restarts, and then hands back what it has open."""

    def __init__(self, path, token, tenant, deadline_ms):
        self._pid = os.getpid()
        pointer = ctypes.c_void_p()
        call("connect", text(path), text(tenant), text(token), deadline(deadline_ms), byref(pointer))
        self._pointer = pointer.value

    def open(self, name, deadline_ms=None, complete=False):
        """Opens `namespace/name[:tag]` or `sha256:<digest>`; a store that does not have it fetches it.

        Returns as soon as the sizes are known, and each read waits for its own bytes; with complete=True when all bytes are there.
        """
        pointer = ctypes.c_void_p()
        call("open", self._use(), name.encode(), _OPEN_COMPLETE if complete else 0, deadline(deadline_ms), byref(pointer))
        return Model(ModelHandle(pointer.value))

    def status(self, deadline_ms=CONNECT_DEADLINE_MS):
        """A StoreStatus. Also a way to learn that the store is there."""
        status = StoreStatusStruct()
        call("status", self._use(), deadline(deadline_ms), byref(status))
        return StoreStatus(*(getattr(status, name) for name, _ in StoreStatusStruct._fields_))

    def close(self):
        """Models that are open stay readable, but their lease ends. No other thread may use the connection meanwhile."""
        pointer, self._pointer = self._pointer, None
        if pointer is not None and self._pid == os.getpid():
            library.holdfast_disconnect(pointer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _use(self):
        if self._pid != os.getpid():
            raise HoldfastError("BAD_REQUEST", "the connection is from before a fork; connect again in this process.")
        if self._pointer is None:
            raise HoldfastError("BAD_REQUEST", "the connection is closed; connect again.")
        return self._pointer


def connect(path=None, token=None, tenant=None, deadline_ms=CONNECT_DEADLINE_MS):
    """A Connection to the store at a socket. Close it, or use it as a context manager.

    Without a path: $HOLDFAST_SOCKET, else the first socket that exists of the places where a node makes one. Without a token:
    $HOLDFAST_STORE_TOKEN. Without a tenant: that of the token; opens under the name of another are refused with TENANT_MISMATCH.
    """
    return Connection(path, token, tenant, deadline_ms)


def open(name, tenant=None, deadline_ms=None, complete=False, path=None, token=None):
    """Opens a model over the process's own connection, which all opens share; see Connection.open."""
    return _shared(path, token, tenant).open(name, deadline_ms, complete)


def load_file(name, file=None, writable=True, device=None, deadline_ms=None, **connection):
    """All tensors of a model, or of one of its files, as safetensors.torch.load_file gives them; see Model.torch for `writable`."""
    with open(name, deadline_ms=deadline_ms, **connection) as model:
        tensors = model.torch_tensors(writable, deadline_ms) if file is None else _of_file(model, file, writable, deadline_ms)
        return tensors if device is None else {name: tensor.to(device) for name, tensor in tensors.items()}


def _of_file(model, file, writable, deadline_ms):
    infos = model.wait_tensors(deadline_ms).values()
    return {info.name: model.torch(info.name, writable, deadline_ms) for info in infos if info.path == file}


_connections = {}
_lock = threading.Lock()


def _shared(path, token, tenant):
    # What the library would read now: a later change of the environment means another store.
    key = (path or os.environ.get("HOLDFAST_SOCKET"), token or os.environ.get("HOLDFAST_STORE_TOKEN"), tenant)
    with _lock:
        known = _connections.get(key)
        if known is None:
            known = _connections[key] = Connection(path, token, tenant, CONNECT_DEADLINE_MS)
        return known


def _after_fork_in_child():
    # The lock may have been held by a thread that the child does not have.
    global _lock
    _connections.clear()
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)

