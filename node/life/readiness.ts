/** Is the node ready for requests: it serves, is not about to stop, and has joined its cluster or counts as alone. */
import type { Joining } from './joining.ts'

export class Readiness {
  private readonly joining: Pick<Joining, 'done'>
  private isServing = false
  private isLeaving = false

  constructor(joining: Pick<Joining, 'done'>) {
    this.joining = joining
  }

  /** All parts have started. */
  serve(): void {
    this.isServing = true
  }

  /** From now on the node is about to stop. */
  drain(): void {
    this.isLeaving = true
  }

  get isDraining(): boolean {
    return this.isLeaving
  }

  get isReady(): boolean {
    return this.whyNotReady() === null
  }

  /** Null when the node is ready. */
  whyNotReady(): string | null {
    if (this.isLeaving) return 'the node is draining; send requests to another'
    if (!this.isServing) return 'the node is starting'
    return this.joining.done ? null : 'the node looks for its cluster (cluster.bootstrap)'
  }
}
