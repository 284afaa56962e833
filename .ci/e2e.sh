#!/usr/bin/env bash
# What takes long and crosses processes, and every case of what `npm test` takes one case of (test/slow).
# Last line: `N passed, N failed`.
exec bash "$(dirname "$0")/vitest-part" test/slow/vitest.config.ts
