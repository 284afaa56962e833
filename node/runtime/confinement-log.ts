/** Rights that the children of the runtime have given up, by the last child of each kind. The log names once what they could not give up. */
import type { ChildConfinement } from '../ports/index.ts'

export type ChildKind = 'worker' | 'converter'

/** The part of a log that it needs. */
export interface WarningLog {
  warn(data: object, message: string): void
}

export class ConfinementLog {
  private readonly log: WarningLog
  private readonly last = new Map<ChildKind, ChildConfinement>()
  private readonly told = new Set<string>()

  constructor(log: WarningLog) {
    this.log = log
  }

  /** Null before the first of its kind has said so. */
  of(kind: ChildKind): ChildConfinement | null {
    return this.last.get(kind) ?? null
  }

  note(kind: ChildKind, confinement: ChildConfinement): void {
    this.last.set(kind, confinement)
    const { systemCalls, filesAbi, refusal } = confinement
    if (systemCalls && filesAbi > 0 && refusal === null) return
    const told = JSON.stringify([kind, confinement])
    if (this.told.has(told)) return
    this.told.add(told)
    this.log.warn(
      { child: kind, ...confinement },
      'models can do more on this machine than they should; `holdfast doctor` says what is lacking',
    )
  }
}
