/**
 * Belady's oracle: evict the model whose next request lies farthest ahead; one that is never asked for again before all others.
 * No policy misses less often when all models have one size: the bound of every plot, and no policy for a node.
 * Source: L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966.
 *
 * Two models cannot have the same next request; among those that have none the id decides.
 */
import { type OracleEntry, OraclePolicy } from './oracle-policy.ts'

export class BeladyPolicy extends OraclePolicy {
  readonly name = 'belady'

  protected keyOf({ nextIndex }: OracleEntry): number {
    return -nextIndex
  }

  protected reasonOf() {
    return 'farthest-request' as const
  }

  protected partsOf(entry: OracleEntry) {
    return { requestsAhead: this.aheadOf(entry), sizeBytes: entry.sizeBytes }
  }
}
