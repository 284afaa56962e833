/** How long a node answers nothing else while it answers a short request with millions of numbers as JSON. */
import { join } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import { buildRange, startDemoCluster, writeModel } from '../../demo/index.ts'
import { systemClock } from '../../node/system/index.ts'
import { loadPublisherKey, openOrigin, push } from '../../origin/index.ts'
import { median } from '../statistics.ts'
import type { Bench } from '../types.ts'

const name = 'bench/range'
/** As a health check may come at any moment: the longest of many is the stall. */
const pollMs = 5

export const bigAnswerRow: Bench = async ({ tiny, say }) => {
  const count = tiny ? 100_000 : 4_000_000
  const repeats = tiny ? 1 : 3
  say(`big_answer_stall_ms: ${count} floats as JSON, and /livez beside it`)
  const cluster = await startDemoCluster({ names: ['alone'] })
  try {
    const source = join(cluster.folder, 'models', 'range')
    await writeModel([{ path: 'model.onnx', pieces: buildRange() }], source)
    const origin = openOrigin(cluster.originUrl, { clock: systemClock })
    await push({ source, name, origin, publisherKey: await loadPublisherKey(join(cluster.folder, 'publisher.key')) })
    const { httpUrl } = cluster.nodes[0]!
    await answerBytes(httpUrl, 1)
    const stallsMs: number[] = []
    let bytes = 0
    for (let repeat = 0; repeat < repeats; repeat++) {
      const answered = answerBytes(httpUrl, count)
      stallsMs.push(await longestPollMs(httpUrl, answered))
      bytes = await answered
    }
    const note = `answers of ${bytes} bytes; the longest /livez meanwhile; goal 100`
    return [{ id: 'big_answer_stall_ms', value: median(stallsMs), unit: 'ms', n: repeats, note }]
  } finally {
    await cluster.stop()
  }
}

/** Reads the answer as it comes and keeps none of it. */
async function answerBytes(httpUrl: string, count: number): Promise<number> {
  const scalar = (input: string, value: number) => ({ name: input, datatype: 'FP32', shape: [], data: [value] })
  const delta = 0.37
  const inputs = [scalar('start', 0), scalar('limit', count * delta), scalar('delta', delta)]
  const url = `${httpUrl}/v2/models/${encodeURIComponent(name)}/infer`
  const response = await fetch(url, { method: 'POST', body: JSON.stringify({ inputs }), headers: identity })
  if (!response.ok) throw new HoldfastError('SYSTEM', `The node refused: ${await response.text()}`)
  let bytes = 0
  for await (const piece of response.body!) bytes += piece.byteLength
  return bytes
}

/** Compressing is done beside the event loop and would only slow the answer. */
const identity = { 'content-type': 'application/json', 'accept-encoding': 'identity' }

async function longestPollMs(httpUrl: string, work: Promise<unknown>): Promise<number> {
  let isOver = false
  const over = () => {
    isOver = true
  }
  void work.then(over, over)
  let longestMs = 0
  while (!isOver) {
    const startMs = systemClock.nowMs()
    await (await fetch(`${httpUrl}/livez`)).arrayBuffer()
    longestMs = Math.max(longestMs, systemClock.nowMs() - startMs)
    await new Promise<void>((resolve) => systemClock.after(pollMs, resolve))
  }
  await work
  return longestMs
}
