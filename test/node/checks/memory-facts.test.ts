import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readMemoryFacts } from '../../../node/checks/index.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-proc-'))
})
afterEach(() => rm(root, { recursive: true }))

const meminfo = 'MemTotal:       16000000 kB\nMemFree:         100000 kB\nMemAvailable:   12000000 kB\n'
const v2Mount = '40 30 0:40 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n'
const v1Mount = '34 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n'
const unlimited = '9223372036854771712\n'

async function tree(files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries({ 'proc/meminfo': meminfo, ...files })) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
}

const slice = 'sys/fs/cgroup/system.slice'

describe('the memory that a process may use', () => {
  it.each([
    { id: 'no groups at all', files: {}, limit: Number.POSITIVE_INFINITY, file: null },
    {
      id: 'version 2, the own group (MemoryMax=)',
      files: { 'proc/self/cgroup': '0::/system.slice/h.service\n', [`${slice}/h.service/memory.max`]: '450000000\n' },
      limit: 450_000_000,
      file: '/sys/fs/cgroup/system.slice/h.service/memory.max',
    },
    {
      id: 'version 2, MemoryHigh= below MemoryMax=',
      files: {
        'proc/self/cgroup': '0::/system.slice/h.service\n',
        [`${slice}/h.service/memory.max`]: '900000000\n',
        [`${slice}/h.service/memory.high`]: '500000000\n',
      },
      limit: 500_000_000,
      file: '/sys/fs/cgroup/system.slice/h.service/memory.high',
    },
    {
      id: 'version 2, an ancestor has less',
      files: {
        'proc/self/cgroup': '0::/system.slice/h.service\n',
        [`${slice}/h.service/memory.max`]: '900000000\n',
        [`${slice}/memory.max`]: '300000000\n',
      },
      limit: 300_000_000,
      file: '/sys/fs/cgroup/system.slice/memory.max',
    },
    {
      id: 'version 2, max everywhere',
      files: { 'proc/self/cgroup': '0::/a\n', 'sys/fs/cgroup/a/memory.max': 'max\n' },
      limit: Number.POSITIVE_INFINITY,
      file: null,
    },
    {
      id: 'version 2, a container with a namespace of groups',
      files: { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/memory.max': '700000000\n' },
      limit: 700_000_000,
      file: '/sys/fs/cgroup/memory.max',
    },
    {
      id: 'version 2, a container that sees only its own group',
      files: {
        'proc/self/cgroup': '0::/docker/abc\n',
        'proc/self/mountinfo': '40 30 0:40 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n',
        'sys/fs/cgroup/memory.max': '600000000\n',
      },
      limit: 600_000_000,
      file: '/sys/fs/cgroup/memory.max',
    },
    {
      id: 'version 2, a process outside of its namespace',
      files: { 'proc/self/cgroup': '0::/../other\n', 'sys/fs/cgroup/memory.max': '650000000\n' },
      limit: 650_000_000,
      file: '/sys/fs/cgroup/memory.max',
    },
    {
      id: 'version 1',
      files: {
        'proc/self/cgroup': '9:cpu:/\n4:memory:/box/node\n0::/\n',
        'proc/self/mountinfo': v1Mount,
        'sys/fs/cgroup/memory/box/node/memory.limit_in_bytes': '449998848\n',
        'sys/fs/cgroup/memory/box/memory.limit_in_bytes': unlimited,
        'sys/fs/cgroup/memory/memory.limit_in_bytes': unlimited,
      },
      limit: 449_998_848,
      file: '/sys/fs/cgroup/memory/box/node/memory.limit_in_bytes',
    },
    {
      id: 'version 1, an ancestor has less, controllers together',
      files: {
        'proc/self/cgroup': '4:hugetlb,memory:/box/node\n',
        'proc/self/mountinfo': '34 30 0:31 / /sys/fs/cgroup/all\\040of\\040it rw - cgroup cgroup rw,hugetlb,memory\n',
        'sys/fs/cgroup/all of it/box/node/memory.limit_in_bytes': unlimited,
        'sys/fs/cgroup/all of it/box/memory.limit_in_bytes': '200000000\n',
      },
      limit: 200_000_000,
      file: '/sys/fs/cgroup/all of it/box/memory.limit_in_bytes',
    },
    {
      id: 'both versions: the least',
      files: {
        'proc/self/cgroup': '4:memory:/one\n0::/two\n',
        'proc/self/mountinfo': v1Mount + v2Mount.replace('/sys/fs/cgroup ', '/sys/fs/cgroup/unified '),
        'sys/fs/cgroup/memory/one/memory.limit_in_bytes': '800000000\n',
        'sys/fs/cgroup/unified/two/memory.max': '400000000\n',
      },
      limit: 400_000_000,
      file: '/sys/fs/cgroup/unified/two/memory.max',
    },
    {
      id: 'a file that says nothing',
      files: { 'proc/self/cgroup': '0::/a\nnonsense\n', 'sys/fs/cgroup/a/memory.max': 'much\n' },
      limit: Number.POSITIVE_INFINITY,
      file: null,
    },
  ])('$id', async ({ files, limit, file }) => {
    await tree({ ...files } as Record<string, string>)
    expect(readMemoryFacts(root)).toMatchObject({
      totalBytes: 16_384_000_000,
      groupLimitBytes: limit,
      groupLimitFile: file,
    })
  })

  it('counts what a group holds, but for pages of files', async () => {
    await tree({
      'proc/self/cgroup': '0::/a\n',
      'sys/fs/cgroup/a/memory.max': '1000000000\n',
      'sys/fs/cgroup/a/memory.current': '700000000\n',
      'sys/fs/cgroup/a/memory.stat': 'anon 1\nfile 5\ninactive_file 100000000\nactive_file 50000000\n',
    })
    expect(readMemoryFacts(root)!.availableBytes).toBe(450_000_000)
  })

  it('is not known where there is no /proc', () => {
    expect(readMemoryFacts(root)).toBeNull()
  })
})
