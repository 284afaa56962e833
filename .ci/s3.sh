#!/usr/bin/env bash
# The origin against a real S3 server (test/s3). Without a server script the tests say so and are skipped; HOLDFAST_S3_SERVER
# names one. Last line: `N passed, N failed`.
exec bash "$(dirname "$0")/vitest-part" test/s3/vitest.config.ts
