"""What the Python module promises, a function each: `cases.py NAME` runs one against the store at $HOLDFAST_SOCKET.

The models are there when it starts: acme/llama-tiny (safetensors, BF16), acme/gguf-tiny. Cases that go in steps with their test print
lines and read lines.
"""

import gc
import os
import subprocess
import sys
import threading

import holdfast
from holdfast import HoldfastError

WEIGHT = "model.norm.weight"


def code_of(call):
    try:
        call()
    except HoldfastError as error:
        return error.code
    raise AssertionError("it did not fail")


def files_and_tensors():
    with holdfast.open("acme/llama-tiny") as model:
        assert [file.path for file in model.files if file.path.endswith(".json")]
        config = model.file("config.json")
        assert config.readonly and bytes(config).startswith(b"{")
        assert bytes(model.range("config.json", 1, 1)) == b"\n"
        assert code_of(lambda: model.range("config.json", 0, 10**6)) == "BAD_REQUEST"
        assert code_of(lambda: model.file("absent")) == "UNKNOWN_MODEL"
        info = model.tensors[WEIGHT]
        assert info == model.info(WEIGHT) and info.dtype == "BF16" and info.shape == (256,) and info.size_bytes == 512
        assert code_of(lambda: model.info("absent")) == "UNKNOWN_MODEL"
        content = model.file(info.path)  # waits until all of it is here
        assert model.ready_bytes(info.path) == len(content)
    assert code_of(lambda: model.file("config.json")) == "BAD_REQUEST"


def errors_have_codes():
    assert code_of(lambda: holdfast.open("acme/absent")) == "UNKNOWN_MODEL"
    assert code_of(lambda: holdfast.open("not a name")) == "BAD_MODEL_NAME"
    assert code_of(lambda: holdfast.connect(path="/nowhere/store.sock")) == "STORE_UNREACHABLE"


def arrays_are_views():
    import numpy

    with holdfast.open("acme/llama-tiny") as model:
        array = model.tensor(WEIGHT)
        info = model.info(WEIGHT)
        assert array.dtype == numpy.uint16 and array.shape == (256,) and not array.flags.writeable and not array.flags.owndata
        whole = numpy.frombuffer(model.file(info.path), numpy.uint8)
        assert bytes(array) == bytes(whole[info.offset_bytes : info.offset_bytes + info.size_bytes])
        assert array.ctypes.data == whole.ctypes.data + info.offset_bytes
    with holdfast.open("acme/gguf-tiny") as model:
        assert model.tensor("token_embd.weight").dtype == numpy.float16
        blocks = model.tensor("blk.0.attn_q.weight")
        assert model.info("blk.0.attn_q.weight").dtype == "Q8_0"
        assert blocks.dtype == numpy.uint8 and blocks.shape == (256 * 256 // 32 * 34,)


def views_keep_the_lease():
    with holdfast.connect() as connection:
        model = connection.open("acme/llama-tiny")
        view = memoryview(model.file("config.json"))[:10]
        model.close()
        del model
        gc.collect()
        assert connection.status().leases == 1
        assert bytes(view[:1]) == b"{"
        del view
        gc.collect()
        assert connection.status().leases == 0


def threads_share_a_connection():
    failures = []

    def work():
        try:
            for _ in range(50):
                with holdfast.open("acme/llama-tiny") as model:
                    assert bytes(model.range("config.json", 0, 1)) == b"{"
                    assert len(model.tensors) == 39
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def a_child_of_fork_connects_by_itself():
    model = holdfast.open("acme/llama-tiny")
    view = model.file("config.json")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert bytes(view[:1]) == b"{"
            assert code_of(lambda: model.file("config.json")) == "BAD_REQUEST"
            del model, view
            gc.collect()
            with holdfast.open("acme/gguf-tiny") as other:
                assert len(other.file("model.gguf")) > 0
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert bytes(model.file("config.json")[:1]) == b"{"


def ranges_of_a_model_that_arrives():
    with holdfast.open("acme/late") as model:
        info = model.info("first")
        first = model.range(info.path, info.offset_bytes, info.size_bytes)
        assert model.ready_bytes(info.path) < model.files[0].size_bytes
        assert code_of(lambda: model.range(info.path, 0, model.files[0].size_bytes, deadline_ms=0)) == "DEADLINE_EXCEEDED"
        assert code_of(lambda: model.private(info.path, deadline_ms=10)) == "DEADLINE_EXCEEDED"
        print("first", len(first), flush=True)
        second = model.info("second")
        print("second", len(model.range(second.path, second.offset_bytes, second.size_bytes)), flush=True)


def torch_tensors_are_private_by_default():
    import torch

    with holdfast.open("acme/llama-tiny") as model:
        mine, shared = model.torch(WEIGHT), model.torch(WEIGHT, writable=False)
        before = shared.clone()
        assert mine.dtype == torch.bfloat16 and mine.shape == (256,) and torch.equal(mine, shared)
        mine.add_(1)
        assert torch.equal(shared, before) and not torch.equal(mine, shared)
        assert torch.equal(model.torch(WEIGHT), mine)
    with holdfast.open("acme/llama-tiny") as again:
        assert torch.equal(again.torch(WEIGHT), before)
    gc.collect()
    assert torch.equal(mine, before + 1)


def load_file_gives_what_the_file_has():
    import torch

    state = holdfast.load_file("acme/llama-tiny")
    assert len(state) == 39 and all(tensor.dtype == torch.bfloat16 for tensor in state.values())
    with holdfast.open("acme/llama-tiny") as model:
        for name, tensor in state.items():
            assert bytes(tensor.reshape(-1).view(torch.uint8).numpy()) == bytes(model.tensor(name)), name
        part = holdfast.load_file("acme/llama-tiny", file=model.info(WEIGHT).path)
        assert WEIGHT in part and len(part) < 39
    assert holdfast.load_file("acme/gguf-tiny", writable=False)["blk.0.attn_q.weight"].dtype == torch.uint8


def writing_to_shared_tensors_ends_the_process():
    program = "import holdfast; holdfast.open('acme/llama-tiny').torch('model.norm.weight', writable=False).add_(1)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == -11


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    print("ok")
