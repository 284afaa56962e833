/**
 * Whether a simulated cluster is too small for what it was asked: more work than its workers can do, or more bytes than its links can carry,
 * in the whole time of the run. Then requests stay unanswered though nothing is at fault.
 */

/** What was asked of one part of the cluster, and what that part can do in the same time. */
export interface Offer {
  readonly offered: number
  /** Infinity where nothing limits it. */
  readonly possible: number
}

export interface OverloadFacts {
  /** Milliseconds of execution. */
  readonly workers: Offer
  /** Bytes of models that requests wanted at nodes without them, and what the nodes of the zone can take in. */
  readonly zones: readonly (Offer & { readonly zone: string })[]
  /** Bytes of models that no node had, each once, and what the origin sends. */
  readonly origin: Offer
}

export type OverloadedPart = 'workers' | 'links' | 'origin'

/** The cluster is too small: no checker's fault. */
export interface Overload {
  readonly part: OverloadedPart
  /** Of links; null of another part. */
  readonly zone: string | null
  /** Over 1. */
  readonly factor: number
  readonly problem: string
}

/** The worst first. */
export function overloadsOf({ workers, zones, origin }: OverloadFacts): Overload[] {
  const found: Overload[] = []
  const look = (part: OverloadedPart, zone: string | null, { offered, possible }: Offer, what: string): void => {
    if (offered <= possible) return
    const factor = possible === 0 ? Number.POSITIVE_INFINITY : Number((offered / possible).toPrecision(3))
    const times = possible === 0 ? 'more' : `${formatFactor(offered / possible)}x`
    const problem = `The cluster is too small: requests offered ${times} ${possible === 0 ? 'than' : 'what'} ${what}.`
    found.push({ part, zone, factor, problem })
  }
  look('workers', null, workers, 'its workers can run')
  for (const { zone, ...offer } of zones) look('links', zone, offer, `the links of zone ${zone} carry`)
  look('origin', null, origin, 'the link of the origin carries')
  return found.sort((a, b) => b.factor - a.factor)
}

/** As many digits as tell it from 1. */
function formatFactor(factor: number): string {
  return factor < 1.05 ? factor.toFixed(3) : factor.toFixed(1)
}
