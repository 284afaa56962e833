/** What the checkers found, on stderr with the command that repeats it. A run with findings cannot be believed: exit code 1. */
import { exitCodeOfError } from '../../common/index.ts'
import type { RunResult } from '../../sim/index.ts'

/** A fault seldom comes alone, and the first ones tell most. The report has them all. */
const linesMax = 10
const lineCharsMax = 200

/** One line each; the seed is what repeats them. */
export function findingLines(
  runs: readonly { readonly name: string; readonly results: readonly RunResult[] }[],
): string[] {
  return runs.flatMap(({ name, results }) =>
    results.flatMap(({ seed, findings }) =>
      findings.map(({ checker, atS, problem }) => `${name}, seed ${seed}: ${checker} at ${atS} s: ${problem}`),
    ),
  )
}

export function sayFindings(findings: readonly string[], command: string): void {
  if (findings.length === 0) return
  const lines = findings.slice(0, linesMax).map((line) => `  ${shortened(line)}\n`)
  const rest = findings.length > linesMax ? `  and ${findings.length - linesMax} more, in the report\n` : ''
  process.stderr.write(`holdfast: the checkers found faults:\n${lines.join('')}${rest}replay with: ${command}\n`)
  process.exitCode = exitCodeOfError
}

function shortened(line: string): string {
  return line.length > lineCharsMax ? `${line.slice(0, lineCharsMax)}...` : line
}
