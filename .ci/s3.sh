#!/usr/bin/env bash
# The origin against a real S3 server (test/s3). Without a server script the tests say so and are skipped; HOLDFAST_S3_SERVER
# names one. Last line: `N passed, N failed`.
set -u
cd "$(dirname "$0")/.."
report=$(mktemp)
trap 'rm -f "$report"' EXIT
npx vitest run --config test/s3/vitest.config.ts --reporter=default --reporter=json --outputFile.json="$report"
node -e '
  let [passed, failed] = [0, 1]
  try {
    const { numPassedTests, numFailedTests, success } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"))
    passed = numPassedTests
    failed = success ? numFailedTests : Math.max(1, numFailedTests)
  } catch {
    console.error("vitest wrote no report")
  }
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed === 0 ? 0 : 1)
' "$report"
