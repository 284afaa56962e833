/** A kernel that refuses is told of once, and stands in the status. */
import { expect, it } from 'vitest'
import { ConfinementLog } from '../../../node/runtime/index.ts'

const whole = { systemCalls: true, filesAbi: 6, refusal: null }
const refused = { systemCalls: false, filesAbi: 0, refusal: 'Landlock refuses: operation not permitted.' }

it('says once for each kind of child what it could not give up, and keeps what the last one said', () => {
  const lines: object[] = []
  const log = new ConfinementLog({ warn: (data) => lines.push(data) })
  expect(log.of('worker')).toBe(null)
  log.note('worker', whole)
  expect(lines).toEqual([])
  for (let times = 0; times < 3; times += 1) {
    log.note('converter', refused)
    log.note('worker', refused)
  }
  expect(lines).toEqual([
    { child: 'converter', ...refused },
    { child: 'worker', ...refused },
  ])
  log.note('worker', whole)
  expect([log.of('worker'), log.of('converter')]).toEqual([whole, refused])
})

it.each([
  ['system calls', { ...whole, systemCalls: false }],
  ['files', { ...whole, filesAbi: 0 }],
])('says so when %s alone are lacking', (_what, given) => {
  const lines: object[] = []
  new ConfinementLog({ warn: (data) => lines.push(data) }).note('worker', given)
  expect(lines.length).toBe(1)
})
