/** What was wrong when: faults as they were done, and the questions that requests put to that. */
import type { Fault, FaultKind } from './faults.ts'

export interface LoggedFault {
  readonly fault: Fault
  readonly beganMs: number
  /** When the world was as before; infinite until then. */
  endedMs: number
}

const downKinds: ReadonlySet<FaultKind> = new Set(['kill', 'stop'])
const withoutOrigin: ReadonlySet<FaultKind> = new Set(['origin-away', 'origin-hanging'])
const originKinds: ReadonlySet<FaultKind> = new Set([...withoutOrigin, 'origin-slow'])

export class FaultLog {
  readonly faults: LoggedFault[] = []

  begin(fault: Fault, nowMs: number): LoggedFault {
    const logged = { fault, beganMs: nowMs, endedMs: Number.POSITIVE_INFINITY }
    this.faults.push(logged)
    return logged
  }

  during(fromMs: number, toMs: number): Fault[] {
    return this.faults.filter(({ beganMs, endedMs }) => beganMs <= toMs && endedMs >= fromMs).map(({ fault }) => fault)
  }
}

export function isDown(faults: readonly Fault[], node: number): boolean {
  return faults.some((fault) => downKinds.has(fault.kind) && fault.node === node)
}

export function hasOrigin(faults: readonly Fault[]): boolean {
  return !faults.some(({ kind }) => withoutOrigin.has(kind))
}

export function isOriginFault({ kind }: Fault): boolean {
  return originKinds.has(kind)
}

/** @param zones of all nodes, by index. */
export function isParted(faults: readonly Fault[], zones: readonly string[], a: number, b: number): boolean {
  return faults.some(({ kind, node }) => {
    if (kind === 'partition-zones') return zones[a] !== zones[b]
    return kind === 'partition-in-zone' && a !== b && (a === node || b === node) && zones[a] === zones[b]
  })
}
