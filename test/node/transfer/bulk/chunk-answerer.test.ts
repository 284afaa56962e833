/** In which order a node answers what is asked on one connection. The engine is in the test's hands: an answer has left when it says so. */
import { expect, test } from 'vitest'
import type { ChunkRequest } from '../../../../node/ports/index.ts'
import { ChunkAnswerer } from '../../../../node/transfer/bulk/chunk-answerer.ts'
import type { BulkConnection } from '../../../../node/transfer/bulk/connection.ts'
import { frameKind } from '../../../../node/transfer/bulk/frame-kind.ts'
import { type BulkOptions, defaultBulkOptions } from '../../../../node/transfer/bulk/options.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const chunkBytes = 8 * 2 ** 20

class Answers {
  readonly sent: number[] = []
  readonly failed: number[] = []
  readonly withdrawn: number[] = []
  readonly answerer: ChunkAnswerer
  placeCount = 0

  constructor(options: Partial<BulkOptions> = {}) {
    const connection = {
      sendBytes: (id: number) => this.sent.push(id),
      send: (kind: number, id: number) => kind === frameKind.failure && this.failed.push(id),
      withdraw: (id: number) => this.withdrawn.push(id),
    }
    this.answerer = new ChunkAnswerer(
      connection as unknown as BulkConnection,
      'peer',
      {
        serve: async (_from, { sizeBytes }) => new Uint8Array(sizeBytes),
        clock: new ManualClock(),
        log: {} as never,
        enter: () => {
          this.placeCount += 1
          return true
        },
        leave: () => {
          this.placeCount -= 1
        },
      },
      { ...defaultBulkOptions, ...options },
    )
  }

  async ask(
    id: number,
    over: Partial<ChunkRequest['context']> & { file?: string; sizeBytes?: number } = {},
  ): Promise<void> {
    const { file = 'f', sizeBytes = chunkBytes, ...context } = over
    const endless = { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }
    const range = { offsetBytes: 0, sizeBytes, context: { ...endless, ...context } }
    this.answerer.onRequest(id, { blob: null, file, chunk: 'c', ...range })
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('what is needed first goes before what was asked before, but for what the engine has', async () => {
  const answers = new Answers()
  for (const id of [1, 2, 3, 4]) await answers.ask(id)
  await answers.ask(5, { file: 'urgent', deadlineMs: 300 })
  expect(answers.sent).toEqual([1, 2])
  answers.answerer.onSent(1, true)
  expect(answers.sent).toEqual([1, 2, 5])
  for (const id of [2, 5, 3, 4]) answers.answerer.onSent(id, true)
  expect([answers.sent, answers.placeCount]).toEqual([[1, 2, 5, 3, 4], 0])
})

test('tenants share the connection: one that has had nothing goes before one that has', async () => {
  const answers = new Answers()
  for (const id of [1, 2, 3, 4]) await answers.ask(id, { tenant: 'flood' })
  await answers.ask(5, { tenant: 'quiet' })
  for (const id of [1, 2]) answers.answerer.onSent(id, true)
  expect(answers.sent).toEqual([1, 2, 5, 3])
})

test('tenants share the connection by weight', async () => {
  const answers = new Answers({ weightOf: (tenant) => (tenant === 'heavy' ? 3 : 1) })
  for (const id of [1, 2]) await answers.ask(id, { tenant: 'first' })
  for (const id of [3, 4, 5]) await answers.ask(id, { tenant: 'light' })
  for (const id of [6, 7, 8]) await answers.ask(id, { tenant: 'heavy' })
  for (const id of [1, 2, 3, 6, 7, 8]) answers.answerer.onSent(id, true)
  expect(answers.sent.filter((id) => id > 2)).toEqual([3, 6, 7, 8, 4, 5])
})

test('small chunks follow each other without a pause', async () => {
  const answers = new Answers()
  for (const id of [1, 2, 3, 4, 5, 6]) await answers.ask(id, { sizeBytes: 65_536 })
  expect(answers.sent).toEqual([1, 2, 3, 4, 5, 6])
})

test('what is cancelled before the engine has it is answered at once, and by the engine after', async () => {
  const answers = new Answers()
  for (const id of [1, 2, 3]) await answers.ask(id)
  answers.answerer.onCancel(3)
  answers.answerer.onCancel(1)
  expect([answers.failed, answers.withdrawn]).toEqual([[3], [1]])
  answers.answerer.onSent(1, false)
  answers.answerer.onSent(2, true)
  expect([answers.sent, answers.failed, answers.placeCount]).toEqual([[1, 2], [3, 1], 0])
})

test('nothing is sent and no place is kept when the connection has closed', async () => {
  const answers = new Answers()
  for (const id of [1, 2, 3, 4]) await answers.ask(id)
  answers.answerer.stop()
  expect([answers.sent, answers.placeCount, answers.answerer.inFlight]).toEqual([[1, 2], 0, 0])
})
