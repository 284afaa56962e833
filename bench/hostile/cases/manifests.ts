/** Manifests as an attacker writes them: well-formed, signed, and made to cost. */
import { createHash } from 'node:crypto'
import { connect } from '../../../clients/node/index.ts'
import type { AttackFacts, HostileCase } from '../types.ts'
import { repeat } from './repeat.ts'

const manifests = { who: 'manifest', origin: 'folder', rssBudgetMb: 512 } as const

export const manifestCases: readonly HostileCase[] = [
  {
    ...manifests,
    name: 'million-chunks',
    does: 'has clients open a model of a million chunks of one byte',
    prepare: async ({ publish }) => {
      await publish('hostile/dust', manifestOf(1_000_000, 1))
      return ['hostile/dust']
    },
    attack: openAgain,
  },
  {
    ...manifests,
    name: 'missing-packs',
    does: 'has clients open models whose bytes are nowhere',
    // Nothing of it is kept, but each open reads its manifest anew, and the heap grows to four times what lives before it is collected.
    rssBudgetMb: 256,
    prepare: async ({ publish }) => {
      const names = ['hostile/gone1', 'hostile/gone2', 'hostile/gone3']
      for (const [at, name] of names.entries()) await publish(name, manifestOf(2_000 + at, 65_536))
      return names
    },
    attack: openAgain,
  },
]

/** Clients that give up after a second and come again. */
async function openAgain({ socketPath, hostileNames }: AttackFacts): Promise<void> {
  const client = await connect(socketPath)
  for (const name of hostileNames) {
    repeat(async () => {
      using _model = await client.open(name, { deadlineMs: 1_000 })
    }, 100)
  }
}

function manifestOf(chunkCount: number, sizeBytes: number): object {
  const chunks = Array.from({ length: chunkCount }, (_, at) => ({ sha256: digestOf(`${chunkCount}/${at}`), sizeBytes }))
  const file = { path: 'model.onnx', sizeBytes: chunkCount * sizeBytes, sha256: digestOf(`${chunkCount}`), chunks }
  return { schema: 'holdfast.manifest.v1', files: [file], annotations: {} }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
