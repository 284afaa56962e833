/** What a check of a configuration, or of the box that it is for, says. */
import type { HoldfastError } from '../../common/index.ts'
import type { NodeOptions } from '../config/index.ts'
import type { Clock, NodePaths } from '../system/index.ts'
import type { MemoryFacts } from './memory-facts.ts'

export interface Verdict {
  /** 'fail': the node would not start or not do its work. 'warn': it would, worse than it could. */
  readonly status: 'ok' | 'warn' | 'fail'
  readonly message: string
  /** What to do; null when all is well. */
  readonly action: string | null
  /** Of a check that threw. */
  readonly error?: HoldfastError
}

/** Input of the checks: the options of a node, and facts of its machine. */
export interface Patient {
  readonly options: NodeOptions
  readonly paths: NodePaths
  /** Null where the system does not say. */
  readonly memory: MemoryFacts | null
  readonly clock: Clock
}

export interface Check<P = Patient> {
  readonly id: string
  /** Several verdicts where several things are looked at. A throw is a failure of the thing that was tried. */
  run(patient: P): Promise<Verdict | readonly Verdict[]> | Verdict | readonly Verdict[]
}

export interface Finding extends Verdict {
  readonly id: string
}

export const ok = (message: string): Verdict => ({ status: 'ok', message, action: null })
export const warn = (message: string, action: string): Verdict => ({ status: 'warn', message, action })
export const fail = (message: string, action: string): Verdict => ({ status: 'fail', message, action })
