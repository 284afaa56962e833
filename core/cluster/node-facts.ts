/**
 * What a look over many holders needs of each other node, in arrays by node index: found once, then read by every model that is
 * looked at in the same instant. A node that the ledger lists for twenty models is judged once and not twenty times.
 *
 * The arrays serve all nodes of one process in turn, since ten thousand simulated nodes would need a hundred million places. What
 * was found is forgotten when another node looks, when time passes, and when anything that it was found from has changed.
 */
export class NodeFacts {
  /** 0 for a node that is not to be counted on, and for the one that looks; otherwise the sum of the bits below. */
  flags = new Uint8Array(0)
  /** A row per node, of which the first number is the round of looking in which the node was found last. */
  rows = new Float64Array(0)
  private round = 0
  private looker: object | null = null
  private atMs = Number.NaN
  private revision = -1

  /** @param revision rises whenever anything changes from which the facts follow. */
  begin(looker: object, nowMs: number, revision: number, nodeCount: number): void {
    if (this.flags.length < nodeCount) this.grow(nodeCount)
    if (looker === this.looker && nowMs === this.atMs && revision === this.revision) return
    this.looker = looker
    this.atMs = nowMs
    this.revision = revision
    this.round += 1
  }

  isFound(index: number): boolean {
    return this.rows[index * rowWidth] === this.round
  }

  skip(index: number): void {
    this.rows[index * rowWidth] = this.round
    this.flags[index] = 0
  }

  found(
    index: number,
    flags: number,
    { latencyMs, bandwidthBytesPerS }: { readonly latencyMs: number; readonly bandwidthBytesPerS: number },
    queueMs: number,
  ): void {
    const row = index * rowWidth
    this.flags[index] = flags
    this.rows[row] = this.round
    this.rows[row + latencyAt] = latencyMs
    this.rows[row + bandwidthAt] = bandwidthBytesPerS
    this.rows[row + forwardAt] = latencyMs + queueMs
  }

  /** Nothing is kept, since a round is short. The first round is 1, so what was never found is not taken for found. */
  private grow(nodeCount: number): void {
    const count = Math.max(nodeCount, 2 * this.flags.length)
    this.flags = new Uint8Array(count)
    this.rows = new Float64Array(count * rowWidth)
  }
}

export const rowWidth = 4
// Where in a row what is: milliseconds of latency, bytes per second, and milliseconds of round trip and queue there.
export const latencyAt = 1
export const bandwidthAt = 2
export const forwardAt = 3

/** To be counted on. */
export const isUsable = 1
/** In the zone of the node that looks. */
export const isNear = 2
/** Sends bytes. */
export const isSource = 4
