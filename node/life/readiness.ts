/** Is the node ready for requests: it serves, is not about to stop, can open files, and has joined its cluster or counts as alone. */
import type { DescriptorUse } from '../system/index.ts'
import type { Joining } from './joining.ts'

/** With fewer left, the next model or client may be refused. */
const spareDescriptors = 16

export class Readiness {
  private readonly joining: Pick<Joining, 'done'>
  private readonly descriptors: () => DescriptorUse | null
  private isServing = false
  private isLeaving = false

  /** @param descriptors null where they cannot be counted. */
  constructor(joining: Pick<Joining, 'done'>, descriptors: () => DescriptorUse | null = () => null) {
    this.joining = joining
    this.descriptors = descriptors
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
    const use = this.descriptors()
    if (use !== null && use.limit - use.open < spareDescriptors) {
      return `the node has ${use.open} of ${use.limit} files and segments open (OUT_OF_DESCRIPTORS); raise its limit of open files`
    }
    return this.joining.done ? null : 'the node looks for its cluster (cluster.bootstrap)'
  }
}
