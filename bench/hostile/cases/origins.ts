/** Origins: away, hanging, slow, or with files that are none. */
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { connect } from '../../../clients/node/index.ts'
import type { OriginManner } from '../../lab/origin-front.ts'
import { setManner } from '../../lab/origin-process.ts'
import type { HostileCase } from '../types.ts'
import { repeat } from './repeat.ts'

const badManners: readonly Exclude<OriginManner, 'well'>[] = ['away', 'hanging', 'slow']
const does = {
  away: 'ends every connection',
  hanging: 'takes every request and never answers',
  slow: 'answers everything three seconds later',
}

export const originCases: readonly HostileCase[] = [
  ...badManners.map(
    (manner): HostileCase => ({
      name: `origin-${manner}`,
      who: 'origin',
      origin: 'web',
      does: does[manner],
      rssBudgetMb: 64,
      attack: ({ originAddress }) => setManner(originAddress!, manner),
      relent: ({ originAddress }) => setManner(originAddress!, 'well'),
    }),
  ),
  {
    name: 'fifo-in-origin',
    who: 'origin',
    origin: 'folder',
    does: 'has FIFOs where manifests and tags should be; clients open them',
    rssBudgetMb: 64,
    prepare: async ({ originPath }) => {
      const names = Array.from({ length: 32 }, (_, at) => `hostile/fifo${at}`)
      for (const name of names) {
        const path = join(originPath, 'refs', name, 'latest')
        await mkdir(dirname(path), { recursive: true })
        await promisify(execFile)('mkfifo', [path])
      }
      return names
    },
    attack: async ({ socketPath, hostileNames }) => {
      const client = await connect(socketPath)
      for (const name of hostileNames) {
        repeat(async () => {
          using _model = await client.open(name)
        }, 100)
      }
    },
  },
]
