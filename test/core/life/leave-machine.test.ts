import { describe, expect, it } from 'vitest'
import {
  defaultLeaveOptions,
  type LeaveEvent,
  LeaveMachine,
  type LeaveOptions,
} from '../../../core/life/leave-machine.ts'

function effectsOf(events: readonly LeaveEvent[], options: Partial<LeaveOptions> = {}): string[] {
  const machine = new LeaveMachine({ ...defaultLeaveOptions, announceMs: 1, handOverMs: 2, requestsMs: 3, ...options })
  return events.flatMap((event) =>
    machine.step(event).map((effect) => {
      if (effect.kind === 'timer') return `timer ${effect.turn} in ${effect.afterMs}`
      return `${effect.kind} ${effect.step}`
    }),
  )
}

const leave = { kind: 'leave' } as const
const ended = (step: 'announce' | 'hand-over' | 'end-requests') => ({ kind: 'ended', step }) as const
const due = (turn: number) => ({ kind: 'due', turn }) as const

describe('a node that leaves', () => {
  it.each<{ id: string; events: LeaveEvent[]; options?: Partial<LeaveOptions>; effects: string[] }>([
    { id: 'tells first, once', events: [leave, leave], effects: ['timer 0 in 1', 'begin announce'] },
    {
      id: 'closes its door after the hand-over and before it waits for requests',
      events: [leave, ended('announce'), ended('hand-over'), ended('end-requests')],
      effects: [
        ...['timer 0 in 1', 'begin announce', 'timer 1 in 2', 'begin hand-over'],
        ...['begin close-door', 'timer 3 in 3', 'begin end-requests', 'begin stop'],
      ],
    },
    {
      id: 'gives every step up in its time',
      events: [leave, due(0), due(1), due(3)],
      effects: [
        ...['timer 0 in 1', 'begin announce', 'time-up announce', 'timer 1 in 2', 'begin hand-over'],
        ...['time-up hand-over', 'begin close-door', 'timer 3 in 3', 'begin end-requests'],
        ...['time-up end-requests', 'begin stop'],
      ],
    },
    {
      id: 'hands nothing on where that is not wanted',
      events: [leave, ended('announce')],
      options: { handOverMs: 0 },
      effects: ['timer 0 in 1', 'begin announce', 'begin close-door', 'timer 2 in 3', 'begin end-requests'],
    },
    {
      id: 'ignores what ends or is due too late',
      events: [leave, due(0), ended('announce'), due(0)],
      effects: ['timer 0 in 1', 'begin announce', 'time-up announce', 'timer 1 in 2', 'begin hand-over'],
    },
  ])('$id', ({ events, options, effects }) => {
    expect(effectsOf(events, options)).toEqual(effects)
  })
})
