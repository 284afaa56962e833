// What vitest's JSON report says: `N passed, N failed`, and a line `FAIL file > test: first line of the reason` per failure, so that the
// end of a long log names what failed. As a program: `node scripts/test-report.js REPORT`.
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Counts of the report in PATH; a file that fails to load, or an error outside of any test, has no failed test of its own. */
export function readReport(path) {
  let report
  try {
    report = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return { passed: 0, failed: 1, lines: ['FAIL vitest wrote no report'] }
  }
  const { numPassedTests, numFailedTests, numTotalTestSuites, success, testResults } = report
  const isWhole = success && numTotalTestSuites > 0
  const lines = testResults.flatMap(linesOf)
  if (!isWhole && lines.length === 0) lines.push('FAIL vitest: an error outside of any test, or no test at all')
  return { passed: numPassedTests, failed: isWhole ? numFailedTests : Math.max(1, numFailedTests), lines }
}

function linesOf({ name, status, message, assertionResults }) {
  const failed = assertionResults.filter((test) => test.status === 'failed')
  if (failed.length === 0) return status === 'failed' ? [line(name, 'the file', message)] : []
  return failed.map(({ fullName, failureMessages }) => line(name, fullName, failureMessages[0] ?? ''))
}

function line(file, test, message) {
  return `FAIL ${relative(root, file)} > ${test}: ${(message.split('\n')[0] ?? '').slice(0, 300)}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { passed, failed, lines } = readReport(process.argv[2])
  for (const text of lines) console.log(text)
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed === 0 ? 0 : 1)
}
