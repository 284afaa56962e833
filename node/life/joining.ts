/**
 * Has the node found its cluster? A node that has addresses to join is not ready before it has joined: a request would go to the
 * origin for what a peer holds. It does not wait for ever: the first node of a cluster has nobody to find, and one that starts
 * while the others are away is better than none. Once joined it stays so; a node that loses its peers serves on.
 */
import type { Clock } from '../system/index.ts'

export interface JoiningPorts {
  readonly peerCount: () => number
  readonly clock: Clock
}

export interface JoiningOptions {
  /** There is somebody to look for. */
  readonly hasBootstrap: boolean
  /** How long the node waits for them before it counts as alone. */
  readonly joinWaitMs: number
}

export class Joining {
  private readonly ports: JoiningPorts
  private readonly options: JoiningOptions
  private startedMs: number
  private isOver = false

  constructor(ports: JoiningPorts, options: JoiningOptions) {
    this.ports = ports
    this.options = options
    this.startedMs = ports.clock.nowMs()
  }

  /** The node looks for its cluster from now on. */
  start(): void {
    this.startedMs = this.ports.clock.nowMs()
  }

  get done(): boolean {
    const { hasBootstrap, joinWaitMs } = this.options
    this.isOver ||=
      !hasBootstrap || this.ports.peerCount() > 0 || this.ports.clock.nowMs() - this.startedMs >= joinWaitMs
    return this.isOver
  }
}
