#!/usr/bin/env bash
# Nodes in control groups with little memory (test/cgroup). Where none can be made the tests say so and are skipped.
# Last line: `N passed, N failed`.
exec bash "$(dirname "$0")/vitest-part" test/cgroup/vitest.config.ts
