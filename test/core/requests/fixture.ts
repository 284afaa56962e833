/** A machine of requests with what it would ask of its node in the test's hands, on a clock moved by hand. */
import type { Failure, RequestEvent, RequestMachineOptions, Timeless } from '../../../core/index.ts'
import { RequestMachine } from '../../../core/requests/request-machine.ts'
import type { AskedByUser, RequestEffect } from '../../../core/requests/types.ts'
import type { RouteHolder } from '../../../placement/index.ts'

export const failed = (code: Failure['code']): Failure => ({ code, message: code })

export class RequestFixture {
  nowMs = 1_000
  /** The newest forward. */
  attempt = 0
  /** Round trips in milliseconds of the nodes that have the model. */
  holders: Record<string, number> = {}
  readonly ready = new Set<string>()
  readonly suspected = new Set<string>()
  readonly here = new Set<string>()
  readonly coming = new Set<string>()
  readonly noted: string[] = []
  readonly measured: string[] = []
  readonly predicted: string[] = []
  isDraining = false
  hasOrigin = true
  queueMs = 0
  /** The part of it that is certain; null: all. */
  sureQueueMs: number | null = null
  missingBytes: number | null = null
  executeMs = 5
  isOriginMeasured = false
  transferFactor = 1
  /** Measured well enough to refuse by. */
  sure = { initMs: 0, executeMs: 0 }
  readonly machine: RequestMachine

  constructor(options: Partial<RequestMachineOptions> = {}) {
    const fixture = this
    this.machine = new RequestMachine(
      {
        self: 'self',
        core: {
          isMember: (node) => !this.suspected.has(node),
          routeView: ({ self, originAllowed, sentMs, ...rest }) => ({
            ...rest,
            self: { ...self, node: 'self' },
            holders: Object.entries(this.holders).map(([node, rttMs]) => {
              return { ...holder(node, rttMs), suspected: this.suspected.has(node), sentMs: sentMs.get(node) ?? 0 }
            }),
            sources: originAllowed
              ? [{ source: 'origin', latencyMs: 50, bandwidthBytesPerS: 1e6, isMeasured: this.isOriginMeasured }]
              : [],
          }),
        },
        models: {
          isReady: (model) => this.ready.has(model),
          isHere: (model) => this.here.has(model),
          isComing: (model) => this.coming.has(model),
        },
        times: {
          initMs: () => 20,
          executeMs: () => this.executeMs,
          sure: () => this.sure,
          transferFactor: () => this.transferFactor,
          noteTransfer: (source, predictedMs, actualMs) => {
            this.measured.push(`transfer ${source} ${predictedMs} ${actualMs}`)
          },
          noteInit: (_, elapsedMs) => this.measured.push(`init ${elapsedMs}`),
          noteExecute: (_model, _batch, elapsedMs) => this.measured.push(`execute ${elapsedMs}`),
        },
        node: {
          queueMs: () => this.queueMs,
          sureQueueMs: () => this.sureQueueMs ?? this.queueMs,
          missingBytes: () => this.missingBytes,
          isDraining: () => this.isDraining,
          memoryLimitBytes: () => 10_000_000,
          diskBytesPerS: 1e9,
          get hasOrigin() {
            return fixture.hasOrigin
          },
        },
        noteRequest: (model, from) => this.noted.push(`${model} of a ${from}`),
        notePrediction: (part, predictedMs, actualMs) => {
          this.predicted.push(`${part} ${predictedMs} ${actualMs}`)
        },
        randomInt: () => 0,
      },
      options,
    )
  }

  step(event: Timeless<RequestEvent>): readonly RequestEffect[] {
    const effects = this.machine.step({ ...event, nowMs: this.nowMs } as RequestEvent)
    this.machine.checkInvariants()
    for (const effect of effects) if (effect.kind === 'forward') this.attempt = effect.attempt
    return effects
  }

  /** The holder of the newest forward answers, or fails. */
  answered(request: number, attempt = this.attempt): readonly RequestEffect[] {
    return this.step({ kind: 'holder-answered', request, attempt })
  }

  failedAtHolder(request: number, code: Failure['code'], attempt = this.attempt): readonly RequestEffect[] {
    return this.step({ kind: 'holder-failed', request, attempt, failure: failed(code) })
  }

  /** A user's request for model m, a megabyte. */
  arrive(request: number, over: Partial<AskedByUser> = {}): readonly RequestEffect[] {
    return this.step({ kind: 'arrived', request, asked: { ...asked, ...over } })
  }
}

export const asked: AskedByUser = {
  model: 'm',
  name: 'acme/m',
  context: { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY },
  sizeBytes: 1_000_000,
  runBytes: 1_000_000,
  cannotRun: null,
  mayForward: true,
}

export const within = (deadlineMs: number) => ({ context: { ...asked.context, deadlineMs } })

/** What the machine wants done, in a line each, but for the timer that nearly always finds nothing. */
export function told(effects: readonly RequestEffect[]): string[] {
  return effects.filter(({ kind }) => kind !== 'watch').map(line)
}

function line(effect: RequestEffect): string {
  switch (effect.kind) {
    case 'forward':
      return `${effect.request} to ${effect.to} within ${effect.timeoutMs}`
    case 'drop-forward':
      return `${effect.request} drop ${effect.attempt}`
    case 'watch':
      return `look after ${effect.afterMs}`
    case 'bring':
      return `${effect.request} bring within ${effect.context.deadlineMs}`
    case 'run':
      return `${effect.request} run within ${effect.deadlineMs}`
    case 'timer':
      return `${effect.request} timer ${effect.turn} after ${effect.afterMs}`
    case 'answer':
      return `${effect.request} by ${effect.servedBy} from ${effect.servedFrom} after ${effect.elapsedMs}`
    case 'fail':
      return `${effect.request} ${effect.failure.code}`
  }
}

function holder(node: string, rttMs: number): RouteHolder {
  const near = { suspected: false, draining: false, sameZone: true }
  return { node, tier: 'memory', rttMs, queueMs: 0, ...near }
}
