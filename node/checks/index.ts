/**
 * One list of checks for everybody who asks whether a configuration can work here: the start of a node, `holdfast node --validate`,
 * `holdfast config validate` and `holdfast doctor`. Nothing is tried out; what takes a trial is the doctor's alone.
 */
import { HoldfastError, isHoldfastError } from '../../common/index.ts'
import type { NodeOptions } from '../config/index.ts'
import { type Clock, nodePaths } from '../system/index.ts'
import { checkExportFolder } from './export-folder.ts'
import { checkClock, checkDescriptors, checkSocket } from './machine.ts'
import { checkMemory, memoryLimitOf } from './memory.ts'
import { type MemoryFacts, readMemoryFacts } from './memory-facts.ts'
import { checkConfig } from './options.ts'
import type { Check, Finding, Patient, Verdict } from './types.ts'

export { existingFolder, judgeExportFolder } from './export-folder.ts'
export { judgeClock, judgeDescriptors, judgeSocketPath } from './machine.ts'
export { judgeMemory, memoryLimitOf, memoryNeedsBytes, usableBytes } from './memory.ts'
export { type MemoryFacts, readMemoryFacts } from './memory-facts.ts'
export { type Check, type Finding, fail, ok, type Patient, type Verdict, warn } from './types.ts'

export const sharedChecks: readonly Check[] = [
  { id: 'config', run: checkConfig },
  { id: 'memory', run: checkMemory },
  { id: 'export', run: checkExportFolder },
  { id: 'socket', run: checkSocket },
  { id: 'files', run: checkDescriptors },
  { id: 'clock', run: checkClock },
]

/** The options with what is left to the machine decided: memory.limitBytes of 0. */
export function settleOptions(options: NodeOptions, memory: MemoryFacts | null = readMemoryFacts()): NodeOptions {
  return Object.freeze({ ...options, 'memory.limitBytes': memoryLimitOf(options, memory) })
}

/** In the order of the list; what is well is a finding too. */
export async function findAll<P extends Patient>(checks: readonly Check<P>[], patient: P): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const { id, run } of checks) {
    for (const verdict of await verdictsOf(run, patient)) findings.push({ id, ...verdict })
  }
  return findings
}

/** Warnings. BAD_CONFIG with all faults at once; a fault that has an error of its own is thrown as that, when it is the only one. */
export async function checkConfiguration(
  options: NodeOptions,
  clock: Clock,
  memory: MemoryFacts | null = readMemoryFacts(),
): Promise<string[]> {
  const findings = await findAll(sharedChecks, { options, paths: nodePaths(options), memory, clock })
  const faults = findings.filter(({ status }) => status === 'fail')
  const [only] = faults
  if (faults.length === 1 && only!.error !== undefined) throw only!.error
  if (faults.length > 0) throw new HoldfastError('BAD_CONFIG', faults.map(textOf).join('\n'))
  return findings.filter(({ status }) => status === 'warn').map(textOf)
}

function textOf({ message, action }: Verdict): string {
  return `${message}${/[.!?]$/.test(message) ? '' : '.'} ${action ?? ''}`.trim()
}

async function verdictsOf<P>(run: Check<P>['run'], patient: P): Promise<readonly Verdict[]> {
  try {
    return [await run(patient)].flat() as Verdict[]
  } catch (error) {
    const action = isHoldfastError(error) ? error.action : 'See the message for the call and its error.'
    return [{ status: 'fail', message: (error as Error).message, action }]
  }
}
