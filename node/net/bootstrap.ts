/**
 * Keeps trying the bootstrap addresses until each one's node is connected, with growing pauses, and starts again when it is lost.
 * A node that is known as a member needs no connection from everybody: whether it still is one is looked at now and then.
 * An address needs no /p2p/ part: admission by the cluster key says who may answer there.
 */
import type { NodeId, RandomInt } from '../../common/index.ts'
import type { Clock, Log } from '../system/index.ts'

export interface BootstrapOptions {
  readonly addresses: readonly string[]
  /** Pause after the first failure; it doubles with each further one. */
  readonly backoffMs: number
  /** The longest pause: how late a bootstrap node that comes back is found. */
  readonly backoffMsMax: number
}

export const defaultBootstrapOptions: BootstrapOptions = { addresses: [], backoffMs: 500, backoffMsMax: 30_000 }

export interface BootstrapPorts {
  readonly dial: (address: string) => Promise<NodeId>
  readonly isConnected: (node: NodeId) => boolean
  readonly isMember: (node: NodeId) => boolean
  readonly clock: Clock
  readonly randomInt: RandomInt
  readonly log: Log
}

interface Target {
  readonly address: string
  node: NodeId | null
  failures: number
  dialling: boolean
  /** Stops the pending retry. */
  cancel: (() => void) | null
}

export class Bootstrap {
  private readonly ports: BootstrapPorts
  private readonly options: BootstrapOptions
  private readonly targets: Target[]
  private stopped = false

  constructor(ports: BootstrapPorts, options: BootstrapOptions) {
    this.ports = ports
    this.options = options
    this.targets = options.addresses.map((address) => ({
      address,
      node: null,
      failures: 0,
      dialling: false,
      cancel: null,
    }))
  }

  start(): void {
    for (const target of this.targets) this.attempt(target)
  }

  stop(): void {
    this.stopped = true
    for (const target of this.targets) target.cancel?.()
  }

  onPeerDown(node: NodeId): void {
    for (const target of this.targets) {
      if (target.node === node && target.cancel === null) this.retryLater(target)
    }
  }

  private attempt(target: Target): void {
    target.cancel = null
    if (this.stopped || target.dialling) return
    if (target.node !== null && this.ports.isConnected(target.node)) return
    if (target.node !== null && this.ports.isMember(target.node)) {
      target.cancel = this.ports.clock.after(this.options.backoffMsMax, () => this.attempt(target))
      return
    }
    target.dialling = true
    this.ports.dial(target.address).then(
      (node) => {
        target.dialling = false
        target.node = node
        target.failures = 0
        // It may have gone between the dial's end and now, when onPeerDown did not know yet whose address this is.
        if (!this.ports.isConnected(node)) this.retryLater(target)
      },
      (error: unknown) => {
        target.dialling = false
        target.failures++
        this.ports.log.info(
          { error: (error as Error).message, address: target.address, failures: target.failures },
          'bootstrap node not reached',
        )
        this.retryLater(target)
      },
    )
  }

  /** A random delay between half the pause and the whole pause: nodes that lost the same bootstrap node do not come back at once. */
  private retryLater(target: Target): void {
    if (this.stopped) return
    const pauseMs = Math.min(this.options.backoffMsMax, this.options.backoffMs * 2 ** Math.min(target.failures, 30))
    const delayMs = Math.ceil(pauseMs / 2) + this.ports.randomInt(Math.ceil(pauseMs / 2) + 1)
    target.cancel = this.ports.clock.after(delayMs, () => this.attempt(target))
  }
}
