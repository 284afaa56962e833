/** Models: graphs that a node is told to run. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { endlessLoop, writeModel } from '../../../demo/index.ts'
import type { AttackFacts, HostileCase } from '../types.ts'
import { repeat } from './repeat.ts'

export const modelCases: readonly HostileCase[] = [
  {
    name: 'endless-loop',
    who: 'model',
    origin: 'folder',
    does: 'is a graph of a few hundred bytes that never ends; clients ask for it with deadlines of a second',
    rssBudgetMb: 256,
    prepare: async ({ folder, push }) => {
      const source = join(folder, 'models', 'endless')
      await mkdir(source, { recursive: true })
      await writeModel([{ path: 'model.onnx', pieces: endlessLoop() }], source)
      await push(source, 'hostile/endless')
      return ['hostile/endless']
    },
    attack: async (facts) => {
      repeat(() => askEndless(facts), 200)
    },
  },
]

function askEndless({ httpUrl, hostileNames }: AttackFacts): Promise<unknown> {
  return fetch(`${httpUrl}/v2/models/${encodeURIComponent(hostileNames[0]!)}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'holdfast-deadline-ms': '1000' },
    body: JSON.stringify({ inputs: [{ name: 'vector', datatype: 'FP32', shape: [2], data: [1, 2] }] }),
  }).then((response) => response.text())
}
