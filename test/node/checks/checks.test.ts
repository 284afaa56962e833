import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  checkConfiguration,
  judgeExportFolder,
  type MemoryFacts,
  memoryLimitOf,
  settleOptions,
} from '../../../node/checks/index.ts'
import { loadConfig, type OptionKey } from '../../../node/config/index.ts'
import { systemClock } from '../../../node/system/index.ts'

const MiB = 2 ** 20
const GiB = 2 ** 30
const optionsOf = (flags: Partial<Record<OptionKey, string>> = {}) =>
  loadConfig({ flags: { 'origin.url': 'file:///srv/models', ...flags } }).options
const machine = (groupLimitBytes = Number.POSITIVE_INFINITY, totalBytes = 16 * GiB): MemoryFacts => ({
  totalBytes,
  availableBytes: Math.min(totalBytes, groupLimitBytes),
  groupLimitBytes,
  groupLimitFile: Number.isFinite(groupLimitBytes) ? '/sys/fs/cgroup/memory.max' : null,
})

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-checks-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('the memory limit that nobody set', () => {
  it.each([
    { id: 'a large machine', facts: machine(), flags: {}, limit: 4 * GiB },
    { id: 'a small machine', facts: machine(undefined, 2 * GiB), flags: {}, limit: (2048 - 256) * MiB },
    { id: 'a group of 450 MB', facts: machine(450e6), flags: {}, limit: 173 * MiB },
    { id: 'two workers', facts: machine(450e6), flags: { 'runtime.workerCount': '2' }, limit: 77 * MiB },
    { id: 'a group with too little', facts: machine(100e6), flags: {}, limit: 64 * MiB },
    { id: 'a system that does not say', facts: null, flags: {}, limit: 4 * GiB },
    { id: 'one that is set', facts: machine(450e6), flags: { 'memory.limitBytes': '1GiB' }, limit: GiB },
  ])('of $id is $limit', ({ facts, flags, limit }) => {
    expect(memoryLimitOf(optionsOf(flags), facts)).toBe(limit)
    expect(settleOptions(optionsOf(flags), facts)['memory.limitBytes']).toBe(limit)
  })
})

describe('the checks of every start', () => {
  it('are content with the defaults, also in a small group', async () => {
    expect(await checkConfiguration(optionsOf(), systemClock, machine())).toEqual([])
    expect(await checkConfiguration(optionsOf(), systemClock, machine(450e6))).toEqual([])
  })

  it('refuse more memory than the group may use, and name its file', async () => {
    await expect(
      checkConfiguration(optionsOf({ 'memory.limitBytes': '1GiB' }), systemClock, machine(450e6)),
    ).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringMatching(
        /1GiB; the control group may use \(\/sys\/fs\/cgroup\/memory.max\) 450 MB.*173MiB/,
      ),
    })
  })

  it.each([
    { id: 'a limit that leaves the node nothing', flags: { 'memory.limitBytes': '400MiB' }, facts: machine(450e6) },
    { id: 'a group that is too small for the defaults', flags: {}, facts: machine(200e6) },
  ])('warn of $id', async ({ flags, facts }) => {
    expect(await checkConfiguration(optionsOf(flags), systemClock, facts)).toEqual([
      expect.stringContaining('The kernel ends the node when both are used.'),
    ])
  })

  it('refuse a limit below a page', async () => {
    await expect(
      checkConfiguration(optionsOf({ 'memory.limitBytes': '4095' }), systemClock, machine()),
    ).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringContaining('at least 4096'),
    })
  })

  it('throw the error of a file that is wrong, and all faults together when there are several', async () => {
    const tokenFile = join(folder, 'token')
    await writeFile(tokenFile, 'short\n')
    const bad = { 'admin.tokenFile': tokenFile, 'store.accessFile': join(folder, 'absent') }
    await expect(
      checkConfiguration(optionsOf({ 'origin.url': 'ftp://x' }), systemClock, machine()),
    ).rejects.toMatchObject({
      code: 'BAD_ORIGIN_URL',
    })
    const error = await checkConfiguration(optionsOf(bad), systemClock, machine()).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ code: 'BAD_CONFIG', message: expect.stringMatching(/token[\s\S]*\n[\s\S]*absent/) })
  })

  it('see that the file system of memory.export is too small, as /dev/shm of a container is', () => {
    const facts = { path: '/dev/shm/holdfast', limitBytes: 4 * GiB, sizeBytes: 64 * MiB }
    expect(judgeExportFolder(facts)).toMatchObject({ status: 'fail', message: expect.stringContaining('67.1 MB') })
    expect(judgeExportFolder({ ...facts, limitBytes: 64 * MiB }).status).toBe('ok')
  })
})
