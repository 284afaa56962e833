"""The build backend (PEP 517): zips the package into a wheel, with libholdfast.so beside it when this folder lies in a built Holdfast."""

import base64
import hashlib
import os
import re
import sysconfig
import zipfile

NAME = "holdfast"
ROOT = os.path.dirname(os.path.abspath(__file__))
LIBRARY = os.path.join(ROOT, "..", "..", "native", "lib", "libholdfast.so.1")

with open(os.path.join(ROOT, NAME, "__init__.py"), encoding="utf-8") as init:
    VERSION = re.search(r'^__version__ = "(.+)"$', init.read(), re.MULTILINE).group(1)

INFO = f"{NAME}-{VERSION}.dist-info"

METADATA = f"""Metadata-Version: 2.1
Name: {NAME}
Version: {VERSION}
Summary: Maps the models of this machine's Holdfast store into the process, without copying
License: Apache-2.0
Requires-Python: >=3.9
Provides-Extra: numpy
Provides-Extra: torch
Requires-Dist: numpy; extra == "numpy"
Requires-Dist: torch>=1.10; extra == "torch"
"""


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    has_library = os.path.exists(LIBRARY)
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_") if has_library else "any"
    tag = f"py3-none-{platform}"
    contents = _sources()
    if has_library:
        contents[f"{NAME}/libholdfast.so.1"] = _read(LIBRARY)
    contents[f"{INFO}/METADATA"] = METADATA.encode()
    contents[f"{INFO}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: holdfast\nRoot-Is-Purelib: {str(not has_library).lower()}\nTag: {tag}\n".encode()
    )
    contents[f"{INFO}/RECORD"] = _record(contents)
    name = f"{NAME}-{VERSION}-{tag}.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, data in contents.items():
            wheel.writestr(path, data)
    return name


def build_sdist(sdist_directory, config_settings=None):
    raise NotImplementedError("a source archive would lack libholdfast.so: build a wheel")


def _sources():
    folder = os.path.join(ROOT, NAME)
    return {f"{NAME}/{name}": _read(os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if name.endswith(".py")}


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _record(contents):
    lines = []
    for path, data in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}\n")
    return ("".join(lines) + f"{INFO}/RECORD,,\n").encode()
