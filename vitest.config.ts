/**
 * One vitest project per kind of test, so that `npx vitest run --project unit` answers in seconds.
 * No retries and one limit of time: a flaky test is a defect, and a limit that is close to what a test takes makes one.
 */
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { hangMs } from './test/support/hang-ms.ts'

const project = (name: string, include: string[], extra: object = {}) => ({
  test: {
    name,
    include,
    pool: 'forks' as const,
    testTimeout: hangMs,
    hookTimeout: hangMs,
    expect: { poll: { timeout: hangMs } },
    ...extra,
  },
})

export default defineConfig({
  test: {
    // By default one less than there are cores: on two, one file at a time, most of which is waiting.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      project('unit', ['test/{cli,common,core,demo,house,node,origin,placement}/**/*.test.ts']),
      project('conformance', ['test/conformance/**/*.test.ts']),
      project('sim', ['test/{sim,parity}/**/*.test.ts']),
      project('native', ['test/native/**/*.test.ts']),
      project('fuzz', ['test/fuzz/**/*.test.ts']),
      project('e2e', ['test/{e2e,bench,docs}/**/*.test.ts'], { fileParallelism: false }),
    ],
  },
})
