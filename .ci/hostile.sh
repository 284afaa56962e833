#!/usr/bin/env bash
# Attacks from outside against real nodes (test/hostile): strangers, clients, members that lie, models, manifests and origins. Last line:
# `N passed, N failed`.
exec bash "$(dirname "$0")/vitest-part" test/hostile/vitest.config.ts
