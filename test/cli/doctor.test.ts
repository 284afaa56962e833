import { describe, expect, it } from 'vitest'
import { judgeDisk } from '../../cli/doctor/check-disk.ts'
import { judgeKernel } from '../../cli/doctor/check-kernel.ts'
import { judgeLargePages } from '../../cli/doctor/check-large-pages.ts'
import { judgeDials } from '../../cli/doctor/check-peers.ts'
import { judgeTaken, wantedPorts } from '../../cli/doctor/check-ports.ts'
import { HoldfastError } from '../../common/errors.ts'
import { judgeClock, judgeDescriptors, judgeMemory, judgeSocketPath } from '../../node/checks/index.ts'
import { loadConfig } from '../../node/config/index.ts'

const GiB = 2 ** 30

describe('the doctor', () => {
  it.each([
    { platform: 'linux', release: '5.1.0', status: 'ok' },
    { platform: 'linux', release: '6.8.0-45-generic', status: 'ok' },
    { platform: 'linux', release: '5.0.21', status: 'fail' },
    { platform: 'linux', release: '4.19.0', status: 'fail' },
    { platform: 'darwin', release: '24.0.0', status: 'fail' },
  ])('judges the kernel $platform $release: $status', ({ platform, release, status }) => {
    expect(judgeKernel(platform, release).status).toBe(status)
  })

  it.each([
    { id: 'off', reserved: 4, shared: 'always', wanted: false, says: 'memory.largePages: off' },
    { id: 'reserved', reserved: 4, shared: 'never', wanted: true, says: '4.29 GB are reserved, 2.15 GB of them free' },
    { id: 'given', reserved: 0, shared: 'advise', wanted: true, says: 'shmem_enabled: advise' },
    { id: 'none', reserved: 0, shared: 'never', wanted: true, says: 'sysctl vm.nr_hugepages=1024' },
    { id: 'denied', reserved: 0, shared: 'deny', wanted: true, says: 'sysctl vm.nr_hugepages=1024' },
  ])('says what large pages there are: $id', ({ reserved, shared, wanted, says }) => {
    const pages = { reservedBytes: reserved * GiB, freeBytes: (reserved * GiB) / 2, shared }
    const { status, message } = judgeLargePages(pages, wanted, 2 * GiB)
    expect([status, message]).toEqual(['ok', expect.stringContaining(says)])
  })

  it.each([
    { id: 'plenty', limit: 4, total: 16, available: 12, group: Number.POSITIVE_INFINITY, status: 'ok' },
    { id: 'more than there is', limit: 20, total: 16, available: 12, group: Number.POSITIVE_INFINITY, status: 'fail' },
    { id: 'more than the group may', limit: 4, total: 16, available: 12, group: 2, status: 'fail' },
    { id: 'more than is free now', limit: 8, total: 16, available: 6, group: Number.POSITIVE_INFINITY, status: 'warn' },
    {
      id: 'what the node itself needs',
      limit: 16,
      total: 16,
      available: 16,
      group: Number.POSITIVE_INFINITY,
      status: 'warn',
    },
  ])('judges memory: $id', ({ limit, total, available, group, status }) => {
    const { options } = loadConfig({ flags: { 'memory.limitBytes': `${limit}GiB` } })
    const groupLimitFile = Number.isFinite(group) ? '/sys/fs/cgroup/memory.max' : null
    const verdict = judgeMemory(options, {
      totalBytes: total * GiB,
      availableBytes: available * GiB,
      groupLimitBytes: group * GiB,
      groupLimitFile,
    })
    expect(verdict.status).toBe(status)
  })

  it.each([
    { id: 'large and fast', limit: 64, free: 500, speed: 1e9, status: 'ok' },
    { id: 'off', limit: 0, free: 500, speed: 1e9, status: 'warn' },
    { id: 'slow', limit: 64, free: 500, speed: 40e6, status: 'warn' },
    { id: 'nearly full', limit: 64, free: 5, speed: 1e9, status: 'warn' },
    { id: 'full', limit: 64, free: 0.01, speed: 0, status: 'fail' },
  ])('judges the disk: $id', ({ limit, free, speed, status }) => {
    expect(judgeDisk({ limitBytes: limit * GiB, freeBytes: free * GiB, writeBytesPerS: speed }).status).toBe(status)
  })

  it.each([
    { soft: '20000', hard: '20000', status: 'ok' },
    { soft: 'unlimited', hard: 'unlimited', status: 'ok' },
    { soft: '1024', hard: '524288', status: 'warn' },
    { soft: '256', hard: '4096', status: 'fail' },
  ])('judges a limit of $soft open files: $status', ({ soft, hard, status }) => {
    const limits = `Limit                     Soft Limit           Hard Limit           Units\nMax open files            ${soft}                 ${hard}               files\n`
    expect(judgeDescriptors(limits).status).toBe(status)
  })

  it('judges a clock that lost its battery, and a socket path that the kernel does not take', () => {
    expect(judgeClock(Date.UTC(1970, 0, 2)).status).toBe('fail')
    expect(judgeClock(Date.UTC(2027, 0, 1)).status).toBe('ok')
    expect(judgeSocketPath(`/${'x'.repeat(106)}`).status).toBe('ok')
    expect(judgeSocketPath(`/${'x'.repeat(107)}`).status).toBe('fail')
  })

  it('knows which ports a node wants, and says of a taken one what to do', () => {
    const { options } = loadConfig({
      flags: { 'cluster.listen': '/ip4/10.0.0.1/tcp/4001', 'cluster.bulkPort': '4002' },
    })
    expect(wantedPorts(options)).toEqual([
      { option: 'http.port', host: '127.0.0.1', port: 8080 },
      { option: 'cluster.listen', host: '10.0.0.1', port: 4001 },
      { option: 'cluster.bulkPort', host: '10.0.0.1', port: 4002 },
    ])
    for (const code of ['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'EOTHER']) {
      expect(judgeTaken({ option: 'http.port', host: 'h', port: 80 }, code)).toMatchObject({
        status: 'fail',
        action: expect.any(String),
      })
    }
  })

  it('takes one lost node of several for a warning, all of them for a failure, and a wrong key always', () => {
    const gone = new Error('gone')
    const wrong = new HoldfastError('WRONG_CLUSTER_KEY', 'wrong')
    const statuses = (...errors: (Error | null)[]) =>
      judgeDials(errors.map((error) => ({ address: '/a', error }))).map(({ status }) => status)
    expect(statuses(null, gone)).toEqual(['ok', 'warn'])
    expect(statuses(gone, gone)).toEqual(['fail', 'fail'])
    expect(statuses(null, wrong)).toEqual(['ok', 'fail'])
  })
})
