/**
 * The promise of the whole: worker processes run a model on the store's only copy. Real store, real processes, counted by the
 * kernel in /proc/<pid>/smaps. Linux only, as the store is.
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { BlobId } from '../../../../common/types.ts'
import { generateModel } from '../../../../demo/models/index.ts'
import { createStore } from '../../../../native/index.ts'
import type { LeaseEvent, Store } from '../../../../native/types.ts'
import type { Runtime } from '../../../../node/ports/index.ts'
import { createOnnxRuntime } from '../../../../node/runtime/index.ts'
import { systemClock } from '../../../../node/system/index.ts'
import { floatsOf, images } from '../../../node/runtime/fixture.ts'
import { until } from '../../../support/until.ts'

const mebibyte = 1024 * 1024
const image = [1, 3, 224, 224]

describe.skipIf(process.platform !== 'linux')('on the store (needs Linux)', () => {
  let folder: string
  let store: Store
  let runtime: Runtime
  let leases: LeaseEvent[]

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-in-place-'))
    leases = []
    const socketPath = join(folder, 'store.sock')
    store = createStore(
      {
        socketPath,
        memoryLimitBytes: 256 * mebibyte,
        diskPath: join(folder, 'disk'),
        diskLimitBytes: 512 * mebibyte,
        connectionsMax: 8,
        leasesPerConnectionMax: 8,
      },
      {
        onOpenMiss: ({ requestId, name }) => store.refuseOpen(requestId, 'UNKNOWN_MODEL', `no model ${name}`),
        onLease: (event) => void leases.push(event),
      },
    )
    runtime = createOnnxRuntime({ clock: systemClock, socketPath, workerCount: 2, intraOpThreads: 1 })
    await runtime.start()
  })

  afterEach(async () => {
    await runtime.stop()
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })

  async function publish(name: 'tiny' | 'resnet50'): Promise<{ digest: BlobId; sizeBytes: number }> {
    const { files } = await generateModel(name, join(folder, name))
    const derivedPath = join(folder, 'derived.ort')
    await runtime.derive(files[0]!, derivedPath)
    const { id, sizeBytes } = await store.importFile(derivedPath, 8 * 2 ** 20)
    await store.promote(id)
    store.publish({ digest: id, files: [{ path: 'model.ort', id, sha256: id, sizeBytes }] }, [])
    return { digest: id, sizeBytes }
  }

  const openers = (): number[] => leases.filter(({ kind }) => kind === 'opened').map(({ pid }) => pid)

  test('two workers share one copy of ResNet-50, and have next to nothing of their own', async () => {
    const { digest, sizeBytes } = await publish('resnet50')
    await runtime.load(digest)
    // Both compute, so that every weight has been read by both.
    const answers = await Promise.all(Array.from({ length: 4 }, () => runtime.infer(digest, [images(image)])))
    const logits = floatsOf(answers[0]![0]!)
    expect(logits.every(Number.isFinite)).toBe(true)
    for (const answer of answers) expect(floatsOf(answer[0]!)).toEqual(logits)

    expect(new Set(openers()).size).toBe(2)
    for (const pid of openers()) {
      const mapping = await mappingOf(pid, sizeBytes)
      expect(mapping.residentBytes, 'the weights are in memory').toBeGreaterThan(0.9 * sizeBytes)
      expect(mapping.privateBytes / sizeBytes, 'private share of the weights').toBeLessThan(0.01)
      expect(await anonymousBytes(pid), 'private memory of the process').toBeLessThan(0.9 * sizeBytes)
    }
    expect(store.stats()).toMatchObject({ segments: 1, leases: 2 })
  })

  test('unloading ends the leases, so that the segment can be dropped', async () => {
    const { digest } = await publish('tiny')
    await runtime.load(digest)
    expect(store.dropMemory(digest)).toBe(false)
    await runtime.unload(digest)
    await until('the leases end', () => store.stats().leases === 0)
    expect(store.dropMemory(digest)).toBe(true)
    store.checkInvariants()
  })

  test('a worker that is killed gives its lease back, and its replacement opens the model again', async () => {
    const { digest } = await publish('tiny')
    await runtime.load(digest)
    const [killed, other] = openers()
    process.kill(killed!, 'SIGKILL')
    await until('the lease ends', () => leases.some(({ kind, pid }) => kind === 'closed' && pid === killed))
    const isReplaced = (): boolean => openers().some((pid) => pid !== killed && pid !== other)
    while (!isReplaced()) {
      await Promise.all([1, 2].map(() => runtime.infer(digest, [images([1, 3, 32, 32])])))
    }
    expect(store.stats().leases).toBe(2)
  })

  test('a model that the store refuses is refused with its code', async () => {
    await expect(runtime.load('ab'.repeat(32))).rejects.toMatchObject({ code: 'UNKNOWN_MODEL' })
  })
})

/** The store's segment in the address space of a process. */
async function mappingOf(pid: number, sizeBytes: number): Promise<{ residentBytes: number; privateBytes: number }> {
  const smaps = await readFile(`/proc/${pid}/smaps`, 'utf8')
  const parts = smaps.split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/).filter((part) => /^.*memfd:/.test(part.split('\n')[0]!))
  const sum = (key: string): number =>
    parts.reduce(
      (total, part) => total + Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(part)?.[1] ?? 0) * 1024,
      0,
    )
  expect(sum('Size')).toBeGreaterThanOrEqual(sizeBytes)
  return { residentBytes: sum('Rss'), privateBytes: sum('Private_Clean') + sum('Private_Dirty') }
}

async function anonymousBytes(pid: number): Promise<number> {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))![1]) * 1024
}
