/** A chunk from the disk is hashed before a peer gets it for the first time. */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { BlobState } from '../../../native/index.ts'
import { ModelTable, specOf } from '../../../node/models/model-table.ts'
import { ServedChunks } from '../../../node/models/served-chunks.ts'
import { silentLog } from '../../../node/system/log.ts'
import { blobIdOf } from '../../../origin/index.ts'
import { bytesOf, modelOf } from '../../support/models.ts'

const bytes = bytesOf(200_000, 'served')
const model = modelOf({ 'w.bin': bytes })
const file = model.manifest.files[0]!
const [blob, first] = [blobIdOf(file), file.chunks[0]!]
const context = { tenant: 'public', deadlineMs: 1_000 }
const asked = { blob, file: file.sha256, chunk: first.sha256, offsetBytes: 0, sizeBytes: first.sizeBytes, context }
const place = { blob, offsetBytes: 0 }

class World {
  isIn = { memory: false, disk: true }
  onDisk = Buffer.from(bytes)
  hashed = 0
  damaged = 0
  readonly givenUp: string[] = []
  readonly served: ServedChunks

  constructor(verifiesReads = true) {
    const state = (id: string) => (id === blob ? ({ id, isIn: this.isIn } as BlobState) : null)
    const table = new ModelTable({ blob: state })
    table.add(specOf(model.id, model.manifest))
    const store = {
      blob: state,
      hashOnDisk: async (_id: string, atBytes: number, sizeBytes: number) => {
        this.hashed += 1
        return createHash('sha256')
          .update(this.onDisk.subarray(atBytes, atBytes + sizeBytes))
          .digest('hex')
      },
      giveUpOnDisk: async (id: string) => {
        this.givenUp.push(id)
      },
    }
    const onDamaged = () => {
      this.damaged += 1
    }
    this.served = new ServedChunks({ table, store, onDamaged, log: silentLog }, { verifiesReads })
  }
}

describe('a chunk that a peer asks for', () => {
  it('is hashed once where it lies on the disk alone, however many ask', async () => {
    const world = new World()
    const answers = await Promise.all([world.served.placesOf(asked), world.served.placesOf(asked)])
    expect([...answers, await world.served.placesOf(asked)]).toEqual([[place], [place], [place]])
    expect(world.hashed).toBe(1)
  })

  it('is not sent when it is damaged: the blob is given up, and nobody takes this node for a liar', async () => {
    const world = new World()
    world.onDisk[100] = world.onDisk[100]! ^ 1
    expect(await world.served.placesOf(asked)).toEqual([])
    expect([world.givenUp, world.damaged]).toEqual([[blob], 1])
  })

  it.each([
    ['another digest', { chunk: 'f'.repeat(64) }],
    ['another size', { sizeBytes: 10 }],
    ['another place', { offsetBytes: 7 }],
  ])('with %s than a manifest here says is no witness against the disk', async (_what, change) => {
    const world = new World()
    expect((await world.served.placesOf({ ...asked, ...change })).length).toBe(1)
    expect([world.hashed, world.givenUp]).toEqual([0, []])
  })

  it.each([
    ['it is in memory', (world: World) => (world.isIn = { memory: true, disk: true })],
    ['it is on its way here', (world: World) => (world.isIn = { memory: false, disk: false })],
  ])('is sent as it is when %s', async (_when, prepare) => {
    const world = new World()
    prepare(world)
    expect(await world.served.placesOf(asked)).toEqual([place])
    expect(world.hashed).toBe(0)
  })

  it('is sent as it is where reads are not verified', async () => {
    const world = new World(false)
    expect(await world.served.placesOf(asked)).toEqual([place])
    expect(world.hashed).toBe(0)
  })
})
