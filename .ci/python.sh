#!/usr/bin/env bash
# The Python module and frameworks that share weights (test/python, test/frameworks). Installs Debian's PyTorch for /usr/bin/python3 and
# llama.cpp's Node binding into a folder of its own where they are absent and can be; what stays absent is skipped and said.
# Last line: `N passed, N failed`.
here=$(dirname "$0")
if ! /usr/bin/python3 -c 'import torch, numpy, ensurepip' 2>/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      python3-torch python3-numpy python3-pip python3-venv >/dev/null
fi
bash "$here/install-llama" || echo "llama.cpp was not installed"
exec bash "$here/vitest-part" test/python/vitest.config.ts
