/** A folder with a scenario of three nodes and thirty seconds. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const text = `schema: holdfast.scenario.v1
name: tiny
durationS: 30
sites: [{ name: london, city: London, nodeCount: 2 }, { name: tokyo, city: Tokyo }]
node: { memoryBytes: 60000000 }
models: { count: 12, sizeBytes: [5000000, 20000000] }
requests: { ratePerS: 4 }
checks: { settleS: 60 }
`

export class SimulatorWorld {
  readonly folder: string
  readonly scenario: string

  private constructor(folder: string) {
    this.folder = folder
    this.scenario = join(folder, 'tiny.yaml')
  }

  static async create(): Promise<SimulatorWorld> {
    const world = new SimulatorWorld(await mkdtemp(join(tmpdir(), 'hf-simulate-')))
    await writeFile(world.scenario, text)
    return world
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true })
  }
}
