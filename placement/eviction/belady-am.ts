/**
 * BeladyAM, the oracle for models, which differ in size and in what it takes to load them: evict the model with the least
 *
 *   utility = (1 / d) x cost / bytes       d: requests until its next one; utility 0 when there is none
 *
 * Source: "Many Models at the Edge: Scaling Deep Inference via Model-Level Caching". Ties go by id.
 *
 * As its next request comes nearer a model's utility rises by itself, which the heap allows; a request lowers it.
 */
import { type OracleEntry, OraclePolicy } from './oracle-policy.ts'

export class BeladyAmPolicy extends OraclePolicy {
  readonly name = 'belady-am'

  protected keyOf(entry: OracleEntry): number {
    const distance = this.aheadOf(entry)
    return distance === Number.POSITIVE_INFINITY
      ? 0
      : ((1 / distance) * entry.missCostMs) / Math.max(1, entry.sizeBytes)
  }

  protected reasonOf() {
    return 'least-value' as const
  }

  protected partsOf(entry: OracleEntry) {
    return { requestsAhead: this.aheadOf(entry), missCostMs: entry.missCostMs, sizeBytes: entry.sizeBytes }
  }
}
