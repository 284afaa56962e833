"""Opens one model in several processes and shows what memory each has for itself: share.py MODEL [PROCESSES]"""

import multiprocessing
import sys
import zlib

import holdfast


def read(name, pipe):
    with holdfast.open(name, complete=True) as model:
        weights = model.file("model.safetensors")
        checksum = zlib.crc32(weights)  # touches every page
        pipe.send((checksum, *memory_of(len(weights))))
        pipe.recv()  # until all have measured


def memory_of(size_bytes):
    """Of the map of the weights: kilobytes that this process sees, and kilobytes that no other process shares."""
    with open("/proc/self/smaps", encoding="ascii", errors="replace") as smaps:
        is_weights = False
        rows = {}
        for line in smaps:
            name, _, value = line.partition(":")
            if "-" in name:  # a new map: 7f2a40000000-7f2a42001000 r--s 00000000 00:01 1037 /memfd:...
                is_weights = "memfd:" in line
            elif is_weights and value.strip().endswith("kB"):
                rows[name] = int(value.split()[0])
                if name == "Size" and rows["Size"] * 1024 < size_bytes:
                    is_weights = False
    return rows["Rss"], rows["Private_Clean"] + rows["Private_Dirty"]


if __name__ == "__main__":
    name, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 4
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for _ in range(count):
        ours, theirs = context.Pipe()
        process = context.Process(target=read, args=(name, theirs))
        process.start()
        pipes.append(ours)
        processes.append(process)
    results = [pipe.recv() for pipe in pipes]
    for process, (checksum, seen, private) in zip(processes, results):
        print(f"process {process.pid}: crc32 {checksum:08x}, {seen} kB of weights mapped, {private} kB of them private")
    for pipe in pipes:
        pipe.send(None)
    for process in processes:
        process.join()
    assert len({checksum for checksum, _, _ in results}) == 1, "the processes read different bytes"
    assert all(seen > 0 for _, seen, _ in results), "a process has no map of the weights"
