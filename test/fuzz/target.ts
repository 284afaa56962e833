/** The parsers under test, and what each answer has to be. */
import { deepStrictEqual } from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { createPrng, type ErrorCode, isHoldfastError, type Prng } from '../../common/index.ts'

export interface FuzzTarget {
  readonly name: string
  /** Well-formed inputs. */
  readonly seeds: readonly Uint8Array[]
  /** Of the errors that bad input may have; nothing else may be thrown. */
  readonly codes: readonly ErrorCode[]
  readonly change: (seed: Uint8Array, prng: Prng) => Uint8Array
  readonly parse: (bytes: Uint8Array) => unknown
  /** Brings an accepted value back to bytes, which have to mean the same. */
  readonly write?: (value: never) => Uint8Array
  /** What else holds for an accepted input. */
  readonly check?: (value: never, bytes: Uint8Array) => void
}

export interface FuzzCounts {
  readonly inputs: number
  readonly accepted: number
}

/** Far beyond what any input of 256 KiB takes; on the clock of this process, as the machine may be busy. */
const cpuMsMax = 2_000
const grownBytesMax = 256 * 2 ** 20
const inputsPerLook = 256

/** Throws with the seed and the input when an answer is neither a value nor a typed error. */
export function fuzz(target: FuzzTarget, seed: number, count: number, untilMs: number): FuzzCounts {
  for (const bytes of target.seeds) judge(target, bytes, true)
  let accepted = 0
  let inputs = 0
  while (inputs < count && (inputs % inputsPerLook !== 0 || performance.now() < untilMs)) {
    const prng = createPrng(seed + inputs)
    const bytes = target.change(target.seeds[prng.int(target.seeds.length)]!, prng)
    try {
      if (judge(target, bytes, false)) accepted += 1
    } catch (cause) {
      const input = Buffer.from(bytes.subarray(0, 2048)).toString('base64')
      throw new Error(`${target.name}, HOLDFAST_FUZZ_SEED=${seed + inputs}, input ${input}: ${cause}`, { cause })
    }
    inputs += 1
  }
  return { inputs, accepted }
}

/** True when the input is accepted. */
function judge(target: FuzzTarget, bytes: Uint8Array, mustBeAccepted: boolean): boolean {
  const cpuBefore = process.cpuUsage()
  const bytesBefore = heldBytes()
  const outcome = outcomeOf(target, bytes)
  const { user, system } = process.cpuUsage(cpuBefore)
  const cpuMs = (user + system) / 1000
  if (cpuMs > cpuMsMax) throw new Error(`${bytes.length} bytes took ${cpuMs} ms`)
  const grownBytes = heldBytes() - bytesBefore
  if (grownBytes > grownBytesMax) throw new Error(`${bytes.length} bytes became ${grownBytes}`)
  if ('error' in outcome) {
    const { error } = outcome
    if (!mustBeAccepted && isHoldfastError(error) && target.codes.includes(error.code)) return false
    throw error
  }
  const { value } = outcome
  target.check?.(value as never, bytes)
  if (target.write !== undefined) deepStrictEqual(target.parse(target.write(value as never)), value)
  return true
}

function outcomeOf(target: FuzzTarget, bytes: Uint8Array): { value: unknown } | { error: unknown } {
  try {
    return { value: target.parse(bytes) }
  } catch (error) {
    return { error }
  }
}

function heldBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}
