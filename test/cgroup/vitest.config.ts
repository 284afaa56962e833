/** Nodes in control groups with little memory: `vitest run --config test/cgroup/vitest.config.ts`, as root. Not part of npm test. */
import { defineConfig } from 'vitest/config'
import { hangMs } from '../support/hang-ms.ts'

export default defineConfig({
  test: {
    name: 'cgroup',
    root: `${import.meta.dirname}/../..`,
    include: ['test/cgroup/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: hangMs,
    hookTimeout: hangMs,
    expect: { poll: { timeout: hangMs } },
  },
})
