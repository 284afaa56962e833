#!/usr/bin/env bash
# The small run of the bench of the field with ONNX's own suite (test/field/field.test.ts). Installs Debian's ONNX for /usr/bin/python3
# where it is absent and can be; what stays absent is left out and said. Last line: `N passed, N failed`.
here=$(dirname "$0")
if ! /usr/bin/python3 -c 'import onnx' 2>/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-onnx >/dev/null
fi
exec bash "$here/vitest-part" test/field/vitest.config.ts
