/** Leaves as core/ orders it, step by step: carries each step out, and tells the service manager and the log. */

import {
  defaultLeaveOptions,
  type LeaveEffect,
  type LeaveEvent,
  LeaveMachine,
  type LeaveOptions,
  type LeaveStep,
  StepQueue,
} from '../../core/index.ts'
import type { CoreDriver, StateReporter } from '../cluster/index.ts'
import type { Clock, Log } from '../system/index.ts'
import type { Handover } from './handover.ts'
import type { Readiness } from './readiness.ts'
import type { ServiceManager } from './service-manager.ts'

export interface DrainPorts {
  readonly readiness: Pick<Readiness, 'drain'>
  readonly reporter: Pick<StateReporter, 'report' | 'stop'>
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

/** For the parts to stop once the node is drained. */
const stopPartsMs = 15_000

export class Drain {
  private readonly ports: DrainPorts
  private readonly options: LeaveOptions
  private readonly queue: StepQueue<LeaveEvent, LeaveEffect>
  private readonly drained = Promise.withResolvers<void>()
  private stopTimer: (() => void) | null = null
  /** Of the step under way. */
  private abort = new AbortController()

  constructor(ports: DrainPorts, options: Partial<LeaveOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultLeaveOptions, ...options }
    const machine = new LeaveMachine(this.options)
    this.queue = new StepQueue(
      (event) => machine.step(event),
      (effect) => this.execute(effect),
    )
  }

  run(): Promise<void> {
    const { announceMs, handOverMs, requestsMs } = this.options
    this.ports.service.stopping('draining', announceMs + handOverMs + requestsMs + stopPartsMs)
    this.queue.dispatch({ kind: 'leave' })
    return this.drained.promise
  }

  private execute(effect: LeaveEffect): void {
    switch (effect.kind) {
      case 'timer': {
        const { turn, afterMs } = effect
        this.stopTimer?.()
        this.stopTimer = this.ports.clock.after(afterMs, () => this.queue.dispatch({ kind: 'due', turn }))
        return
      }
      case 'time-up':
        this.timeUp(effect.step)
        return
      case 'begin':
        this.abort = new AbortController()
        this.begin(effect.step, this.abort.signal)
    }
  }

  private begin(step: LeaveStep, signal: AbortSignal): void {
    const { readiness, reporter, service, closeDoor } = this.ports
    switch (step) {
      case 'announce':
        readiness.drain()
        reporter.report()
        this.endWith(step, this.announce(signal))
        return
      case 'hand-over':
        service.status('draining: handing last copies on')
        this.endWith(step, this.handOn(signal))
        return
      case 'close-door':
        closeDoor()
        service.status('draining: waiting for requests that run')
        return
      case 'end-requests':
        this.endWith(step, this.requestsEnded(signal))
        return
      case 'stop':
        this.stopTimer?.()
        reporter.stop()
        this.drained.resolve()
    }
  }

  private endWith(step: LeaveStep, work: Promise<void>): void {
    work.then(() => this.queue.dispatch({ kind: 'ended', step }), this.drained.reject)
  }

  private timeUp(step: LeaveStep): void {
    const { requestsMs } = this.options
    this.abort.abort(new DOMException('the time for this step is up', 'TimeoutError'))
    if (step !== 'end-requests') return
    this.ports.log.warn(
      { requestsMs },
      'draining: requests that still run are cut off; raise drain.requestsMs to let them end',
    )
  }

  private async announce(signal: AbortSignal): Promise<void> {
    const isDraining = (body: object) => 'draining' in body && body.draining === true
    const heardBy = await this.ports.driver.confirm('state', isDraining, { signal })
    this.ports.log.info({ heardBy }, 'draining: not ready any more, and the cluster knows')
  }

  private async handOn(signal: AbortSignal): Promise<void> {
    const handed = await this.ports.handover.handOn(signal)
    this.ports.log.info({ ...handed }, 'draining: last copies are handed on')
  }

  private async requestsEnded(signal: AbortSignal): Promise<void> {
    await this.ports.requestsEnded()
    if (!signal.aborted) this.ports.log.info({}, 'draining: no request runs any more')
  }
}
