#!/usr/bin/env bash
# What crosses machines, between hosts in network namespaces with shaped lines (test/netns). Without root the tests say so and
# are skipped. Last line: `N passed, N failed`.
set -u
if [ "$(id -u)" -eq 0 ] && ! { command -v tc && command -v aria2c && PATH=$PATH:/usr/sbin command -v nginx && PATH=$PATH:/usr/sbin command -v nft; } >/dev/null; then
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends iproute2 aria2 curl nginx-light nftables
fi
exec bash "$(dirname "$0")/vitest-part" test/netns/vitest.config.ts
