/**
 * How a node leaves: in this order, each step bounded, so that a node that is told to stop stops.
 *
 *   1. it is not ready any more, and says so to the service manager and to every peer, by a call that they answer
 *   2. it hands on the last copies of wanted models, while it still serves what it has and forwards the rest
 *   3. it takes no request any more (another node answers, or 503 SHUTTING_DOWN), and waits for those that run
 *
 * Then the parts stop, the reverse of their start.
 */
import type { CoreDriver, StateReporter } from '../cluster/index.ts'
import type { Clock, Log } from '../system/index.ts'
import type { Handover } from './handover.ts'
import type { ServiceManager } from './service-manager.ts'
import { endsWithin } from './with-timeout.ts'

export interface DrainPorts {
  readonly teller: Pick<StateReporter, 'drain' | 'stop'>
  readonly driver: Pick<CoreDriver, 'confirm'>
  readonly handover: Pick<Handover, 'handOn'>
  /** From now on no request is served here. */
  readonly closeDoor: () => void
  /** Resolves when no request runs. */
  readonly requestsEnded: () => Promise<void>
  readonly service: Pick<ServiceManager, 'stopping' | 'status'>
  readonly clock: Clock
  readonly log: Log
}

export interface DrainOptions {
  /** For every peer to hear that this node leaves. Peers that do not answer hear it by gossip, or notice. */
  readonly announceMs: number
  /** drain.handOverMs */
  readonly handOverMs: number
  /** drain.requestsMs */
  readonly requestsMs: number
}

export const defaultDrainOptions: DrainOptions = { announceMs: 2_000, handOverMs: 30_000, requestsMs: 30_000 }

/** For the parts to stop once the node is drained. */
const stopPartsMs = 15_000

export class Drain {
  private readonly ports: DrainPorts
  private readonly options: DrainOptions

  constructor(ports: DrainPorts, options: Partial<DrainOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultDrainOptions, ...options }
  }

  async run(): Promise<void> {
    const { announceMs, handOverMs, requestsMs } = this.options
    const { teller, service, log } = this.ports
    service.stopping('draining', announceMs + handOverMs + requestsMs + stopPartsMs)
    teller.drain()
    const heardBy = await this.announce()
    log.info({ heardBy }, 'draining: not ready any more, and the cluster knows')
    const handed = await this.handOn()
    log.info({ ...handed }, 'draining: last copies are handed on')
    this.ports.closeDoor()
    service.status('draining: waiting for requests that run')
    const ended = await endsWithin(this.ports.clock, requestsMs, this.ports.requestsEnded())
    if (ended) log.info({}, 'draining: no request runs any more')
    else
      log.warn({ requestsMs }, 'draining: requests that still run are cut off; raise drain.requestsMs to let them end')
    teller.stop()
  }

  /** How many peers answered that they know. */
  private async announce(): Promise<number> {
    const signal = this.abortAfter(this.options.announceMs)
    const isDraining = (body: object) => 'draining' in body && body.draining === true
    return this.ports.driver.confirm('state', isDraining, { signal })
  }

  private handOn() {
    if (this.options.handOverMs === 0) return Promise.resolve({ handedOn: 0, left: 0 })
    this.ports.service.status('draining: handing last copies on')
    return this.ports.handover.handOn(this.abortAfter(this.options.handOverMs))
  }

  private abortAfter(ms: number): AbortSignal {
    const abort = new AbortController()
    this.ports.clock.after(ms, () => abort.abort(new DOMException('the time for this step is up', 'TimeoutError')))
    return abort.signal
  }
}
