import type { OpenMiss } from '../../../native/index.ts'

/**
 * Opens that come before the node can answer them: clients of a node that was killed are back before it has started. The limits of
 * connections and leases bound how many they are.
 */
export class OpenBacklog {
  private readonly early: OpenMiss[] = []
  private handler: ((miss: OpenMiss) => void) | null = null

  push(miss: OpenMiss): void {
    if (this.handler === null) this.early.push(miss)
    else this.handler(miss)
  }

  /** Those that came before, and from now on each at once. */
  serve(handler: (miss: OpenMiss) => void): void {
    this.handler = handler
    for (const miss of this.early.splice(0)) handler(miss)
  }
}
