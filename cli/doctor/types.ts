/** What the doctor looks at, beside what every start looks at (node/checks). */
import type { Check, Patient } from '../../node/checks/index.ts'

export { type Finding, fail, ok, type Verdict, warn } from '../../node/checks/index.ts'

export interface BoxPatient extends Patient {
  /** A node runs with this configuration already: its ports are taken by itself. */
  readonly isRunning: boolean
  /** How often the running node met another box with its identity. */
  readonly identityClaims: number
}

export type Trial = Check<BoxPatient>
