import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { holdfast } from '../support/holdfast-command.ts'

let folder: string
let files: string[]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hf-sim-'))
  const requests = join(folder, 'requests.csv')
  const models = join(folder, 'models.json')
  await writeFile(requests, 'id,seconds,model\n0,0,a\n1,1,b\n2,2,a\n3,3,<b>\n')
  const sized = (name: string, avg_load_latency: number) => ({ name, loaded_size: 1, avg_load_latency })
  await writeFile(models, JSON.stringify([sized('a', 2), sized('b', 4), sized('<b>', 6)]))
  files = ['--requests', requests, '--models', models]
})
afterAll(() => rm(folder, { recursive: true }))

const replay = (...args: string[]) => holdfast(['sim', 'replay', ...args])

describe('holdfast sim replay', () => {
  it.each(['0.34', '1.02GiB', '1100000000'])('prints exactly one JSON object, memory %s', async (memory) => {
    const { code, stdout, stderr } = await replay(...files, '--memory', memory, '--policies', 'belady, lru', '--json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const row = { missPercent: 100, meanLoadDelayS: 3.5, p99LoadDelayS: 6, requestsPerS: expect.any(Number) }
    expect(JSON.parse(stdout)).toEqual({
      results: [
        { policy: 'belady', ...row },
        { policy: 'lru', ...row },
      ],
    })
  })

  it('writes a page that needs no other, with both bounds in every plot', async () => {
    const report = join(folder, 'new', 'report')
    const { code, stdout } = await replay(...files, '--policies', 'lru', '--report', report)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^lru\t/)
    const page = await readFile(join(report, 'replay.html'), 'utf8')
    expect(page.match(/<svg/g)).toHaveLength(3)
    expect(page.match(/>clairvoyant \(belady-am\)<\/text>/g)).toHaveLength(3)
    expect(page.match(/>unbounded memory<\/text>/g)).toHaveLength(3)
    expect(page).not.toMatch(/<script|https?:|url\(|NaN|Infinity|undefined/)
  })

  it('generates requests when there are none', async () => {
    const { code, stdout } = await replay('--seed', '7', '--policies', 'fifo', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout).results[0].missPercent).toBeGreaterThan(1)
  })

  it.each([
    { args: ['--policies', 'mru'], says: 'There is no policy mru; there is holdfast' },
    { args: ['--memory', '0'], says: '--memory is 0' },
    { args: ['--seed', 'x'], says: '--seed is x' },
    { args: ['--models', 'm.json'], says: '--models needs --requests' },
    { args: ['--requests', '/nowhere'], says: 'BAD_TRACE' },
  ])('refuses $args', async ({ args, says }) => {
    const { code, stdout, stderr } = await replay(...args)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(says)
  })
})
