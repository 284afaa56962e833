import { expect, it } from 'vitest'
import { ServiceManager, takeServiceEnvironment } from '../../../node/life/index.ts'
import { silentLog } from '../../../node/system/log.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function fixture(environment = { socketPath: '/run/notify' as string | null, watchdogMs: 1_000 as number | null }) {
  const clock = new ManualClock()
  const sent: string[] = []
  const state = { alive: true, listens: true }
  const notify = (_path: string, text: string) => {
    if (!state.listens) throw new Error('nobody listens')
    sent.push(text)
  }
  const service = new ServiceManager({ notify, isAlive: async () => state.alive, clock, log: silentLog }, environment)
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  return { clock, sent, state, service, turn }
}

it('says that it is ready, how it does, and that it stops', () => {
  const { service, sent } = fixture()
  service.ready('serving at http://x\nREADY=0')
  service.status('draining')
  service.stopping('bye', 1_500)
  expect(sent).toEqual([
    'READY=1\nSTATUS=serving at http://x READY=0',
    'STATUS=draining',
    'STOPPING=1\nSTATUS=bye\nEXTEND_TIMEOUT_USEC=1500000',
  ])
})

it('feeds the watchdog twice a period while the node is alive, and not when it is not', async () => {
  const { service, sent, clock, state, turn } = fixture()
  service.ready('up')
  sent.length = 0
  for (let half = 0; half < 4; half += 1) {
    clock.advance(500)
    await turn()
  }
  expect(sent).toEqual(Array.from({ length: 4 }, () => 'WATCHDOG=1'))
  state.alive = false
  clock.advance(500)
  await turn()
  expect(sent).toHaveLength(4)
  service.stop()
  expect(clock.timerCount).toBe(0)
})

it('says nothing without a service manager, and goes on when that one is deaf', async () => {
  const alone = fixture({ socketPath: null, watchdogMs: 1_000 })
  alone.service.ready('up')
  expect([alone.sent, alone.clock.timerCount]).toEqual([[], 0])
  const deaf = fixture()
  deaf.state.listens = false
  expect(() => deaf.service.ready('up')).not.toThrow()
})

it.each([
  { env: {}, expected: { socketPath: null, watchdogMs: null } },
  { env: { NOTIFY_SOCKET: '/n' }, expected: { socketPath: '/n', watchdogMs: null } },
  {
    env: { NOTIFY_SOCKET: '@n', WATCHDOG_USEC: '60000000', WATCHDOG_PID: '7' },
    expected: { socketPath: '@n', watchdogMs: 60_000 },
  },
  {
    env: { NOTIFY_SOCKET: '/n', WATCHDOG_USEC: '60000000', WATCHDOG_PID: '8' },
    expected: { socketPath: '/n', watchdogMs: null },
  },
  { env: { NOTIFY_SOCKET: '/n', WATCHDOG_USEC: 'soon' }, expected: { socketPath: '/n', watchdogMs: null } },
])('takes $env out of the environment', ({ env, expected }) => {
  const environment: NodeJS.ProcessEnv = { ...env, PATH: '/bin' }
  expect(takeServiceEnvironment(environment, 7)).toEqual(expected)
  expect(environment).toEqual({ PATH: '/bin' })
})
