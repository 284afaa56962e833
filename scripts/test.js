// The test command: types, lint, then every vitest project; closes with `N passed, N failed`.
// Arguments go to vitest and skip types and lint.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readReport } from './test-report.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const args = process.argv.slice(2)
const bin = (name) => join(root, 'node_modules', '.bin', name)
let passed = 0
let failed = 0

if (args.length === 0) {
  step('types', bin('tsc'), ['--noEmit'])
  step('lint and format', bin('biome'), ['ci', '--error-on-warnings', '.'])
}
vitest()

console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

function step(name, command, stepArgs) {
  const startedMs = Date.now()
  const { status } = spawnSync(command, stepArgs, { cwd: root, stdio: 'inherit' })
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${((Date.now() - startedMs) / 1000).toFixed(1)} s)`)
  if (status === 0) passed += 1
  else failed += 1
}

function vitest() {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  const report = join(folder, 'report.json')
  const { status } = spawnSync(
    bin('vitest'),
    ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args],
    { cwd: root, stdio: 'inherit' },
  )
  try {
    const { passed: passedTests, failed: failedTests, lines } = readReport(report)
    for (const text of lines) console.log(text)
    passed += passedTests
    failed += failedTests === 0 && status !== 0 ? 1 : failedTests
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
