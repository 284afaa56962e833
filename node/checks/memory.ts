/** How much memory weights may take, and whether that fits the machine and the control group of the node. */
import { formatBytes } from '../../common/index.ts'
import { formatBinaryBytes, type NodeOptions } from '../config/index.ts'
import type { MemoryFacts } from './memory-facts.ts'
import { fail, ok, type Patient, type Verdict, warn } from './types.ts'

type MemoryOptions = Pick<
  NodeOptions,
  'memory.limitBytes' | 'memory.processBytes' | 'runtime.workerBytes' | 'runtime.workerCount'
>

const MiB = 2 ** 20
const GiB = 2 ** 30
/** Without a limit of its own, a node takes no more of a large machine: it is seldom there alone. */
const defaultBytesMax = 4 * GiB
/** A node with less could hold no model worth the name. It starts, and says that it is too large for where it runs. */
export const defaultBytesMin = 64 * MiB

/** Memory of the node and its workers beside the weights. */
export function memoryNeedsBytes(options: Omit<MemoryOptions, 'memory.limitBytes'>): number {
  return options['memory.processBytes'] + options['runtime.workerCount'] * options['runtime.workerBytes']
}

/** The machine's memory or that of its control group, whichever is less. */
export function usableBytes({ totalBytes, groupLimitBytes }: MemoryFacts): number {
  return Math.min(totalBytes, groupLimitBytes)
}

/** memory.limitBytes where it is set; else what is left when the node itself has what it needs. */
export function memoryLimitOf(options: MemoryOptions, facts: MemoryFacts | null): number {
  if (options['memory.limitBytes'] > 0) return options['memory.limitBytes']
  if (facts === null) return defaultBytesMax
  const leftBytes = Math.floor((usableBytes(facts) - memoryNeedsBytes(options)) / MiB) * MiB
  return Math.min(defaultBytesMax, Math.max(defaultBytesMin, leftBytes))
}

export function checkMemory({ options, memory }: Patient): Verdict {
  if (memory === null) return ok('this system does not say how much memory there is')
  return judgeMemory(options, memory)
}

export function judgeMemory(options: MemoryOptions, facts: MemoryFacts): Verdict {
  const limitBytes = memoryLimitOf(options, facts)
  const needsBytes = memoryNeedsBytes(options)
  const mostBytes = usableBytes(facts)
  const limit = formatBinaryBytes(limitBytes)
  const has = `${whoHas(facts)} ${formatBytes(mostBytes)}`
  if (limitBytes > mostBytes) return fail(`memory.limitBytes is ${limit}; ${has}`, lower(mostBytes - needsBytes))
  if (limitBytes + needsBytes > mostBytes) {
    const needs = `the node and its ${options['runtime.workerCount']} workers need ${formatBytes(needsBytes)} more`
    return warn(
      `memory.limitBytes is ${limit} and ${needs}; ${has}. The kernel ends the node when both are used`,
      lower(mostBytes - needsBytes),
    )
  }
  if (limitBytes > facts.availableBytes) {
    return warn(
      `memory.limitBytes is ${limit}; ${formatBytes(facts.availableBytes)} of ${formatBytes(mostBytes)} are available now`,
      'End what else uses memory, or lower memory.limitBytes: a machine that runs out of memory ends the node.',
    )
  }
  return ok(`${limit} for weights, ${formatBytes(facts.availableBytes)} available`)
}

function whoHas({ totalBytes, groupLimitBytes, groupLimitFile }: MemoryFacts): string {
  return groupLimitBytes < totalBytes ? `the control group may use (${groupLimitFile})` : 'this machine has'
}

function lower(leftBytes: number): string {
  const atMostBytes = Math.floor(leftBytes / MiB) * MiB
  return atMostBytes < defaultBytesMin
    ? 'Give the control group or the machine more memory (MemoryMax= of the unit): too little is left for weights.'
    : `Set memory.limitBytes to at most ${formatBinaryBytes(atMostBytes)}, or leave it out; or give the node more memory.`
}
