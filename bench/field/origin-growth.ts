/**
 * The cost of an origin of many models: processor time of a push beside one into an origin of 100 models, and `holdfast ls`.
 * Every model was pushed, so that whatever a push leaves behind is there.
 */
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import { systemClock } from '../../node/system/index.ts'
import { type Origin, openOrigin, push } from '../../origin/index.ts'
import { median } from '../statistics.ts'
import type { Bench } from '../types.ts'

const command = join(import.meta.dirname, '..', '..', 'bin', 'holdfast.js')

export const originGrowthRows: Bench = async ({ tiny, say }) => {
  const [few, many, repeats] = tiny ? [4, 12, 3] : [100, 3000, 21]
  say(`push_cpu_ratio and ls_seconds: ${many} small models in one origin, one push after the other`)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-growth-'))
  try {
    const pushes = new SmallPushes(folder)
    await pushes.until(few)
    const before = await pushes.cpuMs(repeats)
    await pushes.until(many)
    const after = await pushes.cpuMs(repeats)
    const seconds = Array.from({ length: tiny ? 1 : 5 }, () => lsSeconds(pushes.origin.url))
    const note = `${after.toFixed(1)} ms of processor with ${many} models, ${before.toFixed(1)} with ${few}; goal 1.3`
    return [
      { id: `push_cpu_ratio/${many}`, value: after / before, unit: 'ratio', n: repeats, note },
      {
        id: `ls_seconds/${many}`,
        value: median(seconds),
        unit: 's',
        n: seconds.length,
        note: 'a whole command; goal 2',
      },
    ]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

class SmallPushes {
  readonly origin: Origin
  private readonly folder: string
  private readonly publisherKey = generateKeyPairSync('ed25519').privateKey
  private count = 0

  constructor(folder: string) {
    this.folder = folder
    this.origin = openOrigin(`file://${join(folder, 'origin')}`, { clock: systemClock, create: true })
  }

  async until(count: number): Promise<void> {
    while (this.count < count) await this.one()
  }

  /** Median of one push. The models stay, which is a hundredth of what is there. */
  async cpuMs(repeats: number): Promise<number> {
    const times: number[] = []
    for (let i = 0; i < repeats; i++) {
      const before = process.cpuUsage()
      await this.one()
      const { user, system } = process.cpuUsage(before)
      times.push((user + system) / 1000)
    }
    return median(times)
  }

  private async one(): Promise<void> {
    const source = join(this.folder, 'model')
    await mkdir(source, { recursive: true })
    await writeFile(join(source, 'weights.bin'), `weights of ${this.count}`.repeat(64))
    const name = `bench/model-${this.count++}`
    await push({ source, name, origin: this.origin, publisherKey: this.publisherKey })
  }
}

function lsSeconds(url: string): number {
  const startedMs = performance.now()
  const { status } = spawnSync(process.execPath, [command, 'ls', '--json', '--origin', url], { stdio: 'ignore' })
  if (status !== 0) throw new HoldfastError('SYSTEM', `The command holdfast ls ended with ${status}.`)
  return (performance.now() - startedMs) / 1000
}
