/**
 * What the checkers found, on stderr with the command that repeats it: a run with findings cannot be believed. And where a cluster is too small
 * for what was asked of it, which is no fault of the run. Exit code 1 for both.
 */
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

/** One line each. */
export function overloadLines(
  runs: readonly { readonly name: string; readonly results: readonly RunResult[] }[],
): string[] {
  return runs.flatMap(({ name, results }) =>
    results.flatMap(({ seed, overloads }) => overloads.map(({ problem }) => `${name}, seed ${seed}: ${problem}`)),
  )
}

export function sayOverloads(overloads: readonly string[]): void {
  if (overloads.length === 0) return
  for (const line of overloads.slice(0, linesMax)) process.stderr.write(`holdfast: ${line}\n`)
  if (overloads.length > linesMax)
    process.stderr.write(`holdfast: and ${overloads.length - linesMax} more, in the report\n`)
  process.exitCode = exitCodeOfError
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
