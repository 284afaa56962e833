#!/usr/bin/env bash
# What crosses machines, between hosts in network namespaces with shaped lines (test/netns). Without root the tests say so and
# are skipped. Last line: `N passed, N failed`.
set -u
if [ "$(id -u)" -eq 0 ] && ! command -v tc >/dev/null; then
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy iproute2
fi
exec bash "$(dirname "$0")/vitest-part" test/netns/vitest.config.ts
