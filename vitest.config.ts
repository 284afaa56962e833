/**
 * One vitest project per kind of test, so that `npx vitest run --project unit` answers in seconds.
 * No retries anywhere: a flaky test is a defect.
 */
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const project = (name: string, include: string[], extra: object = {}) => ({
  test: { name, include, pool: 'forks' as const, ...extra },
})

export default defineConfig({
  test: {
    // By default one less than there are cores: on two, one file at a time, most of which is waiting.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      project('unit', ['test/{cli,common,core,demo,house,node,origin,placement}/**/*.test.ts']),
      project('conformance', ['test/conformance/**/*.test.ts'], { testTimeout: 60_000 }),
      project('sim', ['test/sim/**/*.test.ts'], { testTimeout: 60_000 }),
      project('native', ['test/native/**/*.test.ts'], { testTimeout: 60_000 }),
      project('e2e', ['test/{e2e,bench,docs}/**/*.test.ts'], {
        testTimeout: 120_000,
        hookTimeout: 120_000,
        fileParallelism: false,
      }),
    ],
  },
})
