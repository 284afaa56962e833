/** The bulk bench runs, small, for .ci/bulk.sh, which installs what it can; what is left out is said. */
import { availableParallelism } from 'node:os'
import { expect, it } from 'vitest'
import { holdfast } from '../support/holdfast-command.ts'

/** Of contenders that are not there, the reason that is said. */
const contenders = ['aws-sdk', 'curl', 'aria2', 'rsync', 'libp2p-tls', 'libp2p-noise', 'webtorrent']
/** Where .ci/bulk.sh has put the packages that are no dependencies of Holdfast. */
const { HOLDFAST_TEST_PACKAGES } = process.env
const packages = HOLDFAST_TEST_PACKAGES === undefined ? {} : { HOLDFAST_BENCH_PACKAGES: HOLDFAST_TEST_PACKAGES }

it('prints exactly one JSON object, a row for each contender that is there and a reason for each that is not', async () => {
  const { code, stdout, stderr } = await holdfast(['bench', 'bulk', '--json', '--tiny'], packages)
  expect(code, stderr).toBe(0)
  const { results } = JSON.parse(stdout) as { results: { id: string; value: number; unit: string; n: number }[] }
  const ids = results.map(({ id }) => id)
  expect(ids).toEqual(
    expect.arrayContaining([
      'limit_gbps',
      'pull_gbps/holdfast',
      'cpu_s_per_gb/holdfast',
      'many_small',
      'rss_mb',
      'folder_pull_vs_copy',
    ]),
  )
  for (const { id, value } of results) expect(Number.isFinite(value) && value > 0, id).toBe(true)
  for (const contender of contenders) {
    const isThere = ids.some((id) => id.startsWith(`cpu_s_per_gb/${contender}`))
    expect(isThere || stderr.includes(`${contender} is left out: `), `${contender}: ${stderr}`).toBe(true)
  }
  const limit = results.find(({ id }) => id === 'limit_gbps')!.value
  const pieces = results.filter(({ id }) => id.startsWith('limit_cpu_s_per_gb/')).map(({ value }) => value)
  expect(pieces).toHaveLength(5)
  expect(limit * pieces.reduce((sum, value) => sum + value, 0)).toBeCloseTo(availableParallelism(), 6)
})
