/**
 * How a node leaves: in this order, each step bounded, so that a node that is told to stop stops.
 *
 *   announce       it is not ready any more, and says so to every peer, by a call that they answer
 *   hand-over      it hands on the last copies of wanted models, while it still serves what it has and forwards the rest
 *   close-door     it takes no request any more: another node answers, or 503 SHUTTING_DOWN
 *   end-requests   requests that run come to their end
 *   stop           the parts stop, in the reverse order of their start
 */
import { defaultHandOverMs, defaultLastRequestsMs } from '../../common/index.ts'

export type LeaveStep = 'announce' | 'hand-over' | 'close-door' | 'end-requests' | 'stop'

export interface LeaveOptions {
  /** For every peer to hear that this node leaves. Peers that do not answer hear it by gossip, or notice. */
  readonly announceMs: number
  /** For last copies to be handed on; 0 hands nothing on. */
  readonly handOverMs: number
  /** For requests that run. */
  readonly requestsMs: number
}

export const defaultLeaveOptions: LeaveOptions = {
  announceMs: 2_000,
  handOverMs: defaultHandOverMs,
  requestsMs: defaultLastRequestsMs,
}

export type LeaveEvent =
  | { readonly kind: 'leave' }
  | { readonly kind: 'ended'; readonly step: LeaveStep }
  | { readonly kind: 'due'; readonly turn: number }

export type LeaveEffect =
  /** Ends in 'ended', unless its time is up before. */
  | { readonly kind: 'begin'; readonly step: LeaveStep }
  | { readonly kind: 'timer'; readonly turn: number; readonly afterMs: number }
  /** The step is given up; what it did stands. */
  | { readonly kind: 'time-up'; readonly step: LeaveStep }

interface BoundedStep {
  readonly step: LeaveStep
  /** null: it ends at once. */
  readonly withinMs: number | null
}

const none: readonly LeaveEffect[] = []

export class LeaveMachine {
  private readonly steps: readonly BoundedStep[]
  /** Of the step that is under way; -1 before the first. */
  private at = -1

  constructor({ announceMs, handOverMs, requestsMs }: LeaveOptions = defaultLeaveOptions) {
    this.steps = [
      { step: 'announce', withinMs: announceMs },
      ...(handOverMs > 0 ? [{ step: 'hand-over', withinMs: handOverMs } as const] : []),
      { step: 'close-door', withinMs: null },
      { step: 'end-requests', withinMs: requestsMs },
      { step: 'stop', withinMs: null },
    ]
  }

  step(event: LeaveEvent): readonly LeaveEffect[] {
    switch (event.kind) {
      case 'leave':
        return this.at === -1 ? this.next() : none
      case 'ended':
        return this.steps[this.at]?.step === event.step && event.step !== 'stop' ? this.next() : none
      case 'due':
        return event.turn === this.at ? [{ kind: 'time-up', step: this.steps[this.at]!.step }, ...this.next()] : none
    }
  }

  private next(): LeaveEffect[] {
    this.at += 1
    const { step, withinMs } = this.steps[this.at]!
    const begin: LeaveEffect = { kind: 'begin', step }
    if (withinMs !== null) return [{ kind: 'timer', turn: this.at, afterMs: withinMs }, begin]
    return step === 'stop' ? [begin] : [begin, ...this.next()]
  }
}
