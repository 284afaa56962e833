import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SecretFiles } from '../../../node/admin/secret-files.ts'
import type { Log } from '../../../node/system/log.ts'
import { ManualClock } from '../../support/manual-clock.ts'

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'))
  file = join(folder, 'secret')
  await writeFile(file, 'one')
})
afterEach(() => rm(folder, { recursive: true }))

async function watched(reload: () => Promise<void>) {
  const errors: object[] = []
  const log: Log = { debug() {}, info() {}, warn() {}, error: (data) => errors.push(data) }
  const files = new SecretFiles({ clock: new ManualClock(), log })
  await files.add(file, reload)
  return { files, errors }
}

describe('a file with secrets', () => {
  it('is read again when it changed, in place or by another file in its place, and otherwise not', async () => {
    let reads = 0
    const { files } = await watched(async () => {
      reads += 1
    })
    await files.look()
    expect(reads).toBe(0)
    await writeFile(file, 'another')
    await files.look()
    await files.look()
    expect(reads).toBe(1)
    await writeFile(`${file}.new`, 'another')
    await rename(`${file}.new`, file)
    await files.look()
    expect(reads).toBe(2)
  })

  it('is read on request, changed or not', async () => {
    let reads = 0
    const { files } = await watched(async () => {
      reads += 1
    })
    await files.reload()
    expect(reads).toBe(1)
  })

  it('that could not be read for a moment is tried again although it did not change, and told of once', async () => {
    let reads = 0
    const { files, errors } = await watched(async () => {
      reads += 1
      if (reads < 3) throw new Error('too many open files')
    })
    await writeFile(file, 'another')
    for (let looks = 0; looks < 5; looks += 1) await files.look()
    expect([reads, errors.length]).toEqual([3, 1])
  })

  it('that cannot be used is told of, and tried again when it changes', async () => {
    let isGood = false
    let good = 0
    const { files, errors } = await watched(async () => {
      if (!isGood) throw new Error('malformed')
      good += 1
    })
    await writeFile(file, 'bad')
    await files.look()
    expect(errors).toEqual([{ path: file, error: 'malformed' }])
    isGood = true
    await writeFile(file, 'good again')
    await files.look()
    expect([good, errors.length]).toEqual([1, 1])
  })
})
