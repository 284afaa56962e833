/** Cases of ONNX's own suite that ONNX Runtime alone runs and a node refuses, or answers otherwise. Needs Debian's python3-onnx. */
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startDemoCluster } from '../../demo/index.ts'
import { packageRoot, systemClock } from '../../node/system/index.ts'
import { loadPublisherKey, openOrigin, push } from '../../origin/index.ts'
import type { Bench } from '../types.ts'
import { isAlike, type OnnxCase, parseAnswer, readOnnxCase, requestOf } from './onnx-case.ts'

const python = '/usr/bin/python3'
const run = promisify(execFile)
/** Of the small run: a few, from all over the alphabet. */
const tinyStep = 150

export const onnxSuiteRow: Bench = async ({ tiny, say }) => {
  const obstacle = await run(python, ['-c', 'import onnx']).then(
    () => null,
    () => `${python} has no module onnx (apt-get install python3-onnx)`,
  )
  if (obstacle !== null) {
    say(`onnx_suite_refused is left out: ${obstacle}.`)
    return []
  }
  const cluster = await startDemoCluster({ names: ['alone'] })
  try {
    const suite = join(cluster.folder, 'suite')
    await run(python, [join(packageRoot, 'bench', 'programs', 'onnx-suite.py'), suite])
    const names = (await readdir(join(suite, 'node'))).sort().filter((_, index) => !tiny || index % tinyStep === 0)
    say(`onnx_suite_refused: ${names.length} cases on one node`)
    const publisherKey = await loadPublisherKey(join(cluster.folder, 'publisher.key'))
    const origin = openOrigin(cluster.originUrl, { clock: systemClock })
    let ranCount = 0
    const refused: string[] = []
    for (const name of names) {
      const test = await readOnnxCase(join(suite, 'node', name), name)
      if (test === null) continue
      ranCount += 1
      const model = `suite/${name.replaceAll('_', '-')}`
      await push({ source: join(test.folder, 'model.onnx'), name: model, origin, publisherKey })
      const why = await whyRefused(cluster.nodes[0]!.httpUrl, model, test)
      if (why === null) continue
      refused.push(name)
      say(`${name}: ${why}`)
    }
    const note = `of ${ranCount} cases that ONNX Runtime alone runs; goal 0`
    return [{ id: 'onnx_suite_refused', value: refused.length, unit: 'cases', n: ranCount, note }]
  } finally {
    await cluster.stop()
  }
}

/** Null when the node answers as the runtime does. */
async function whyRefused(httpUrl: string, model: string, test: OnnxCase): Promise<string | null> {
  const response = await fetch(`${httpUrl}/v2/models/${encodeURIComponent(model)}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(requestOf(test)),
  })
  const answer = parseAnswer(await response.text()) as {
    error?: string
    outputs?: { name: string; shape: number[]; datatype: string; data: unknown[] }[]
  }
  if (answer.outputs === undefined) return `${response.headers.get('holdfast-error')} ${answer.error}`
  const given = new Map(answer.outputs.map((output) => [output.name, output]))
  const wrong = Object.entries(test.answer).find(([name, tensor]) => {
    const output = given.get(name)
    return output === undefined || !isAlike(tensor, output)
  })
  return wrong === undefined ? null : `output ${wrong[0]} is another`
}
