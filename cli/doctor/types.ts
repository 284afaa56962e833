/** What a check of the box says. */
import type { NodeOptions } from '../../node/config/index.ts'
import type { NodePaths } from '../../node/system/index.ts'

export interface Verdict {
  /** 'fail': the node would not start or not do its work. 'warn': it would, worse than it could. */
  readonly status: 'ok' | 'warn' | 'fail'
  readonly message: string
  /** What to do; null when all is well. */
  readonly action: string | null
}

export interface Finding extends Verdict {
  readonly id: string
}

export interface Patient {
  readonly options: NodeOptions
  readonly paths: NodePaths
  /** A node runs with this configuration already: its ports are taken by itself. */
  readonly isRunning: boolean
}

export interface Check {
  readonly id: string
  /** Several verdicts where several things are looked at. A throw is a failure of the thing that was tried. */
  run(patient: Patient): Promise<Verdict | readonly Verdict[]>
}

export const ok = (message: string): Verdict => ({ status: 'ok', message, action: null })
export const warn = (message: string, action: string): Verdict => ({ status: 'warn', message, action })
export const fail = (message: string, action: string): Verdict => ({ status: 'fail', message, action })
