/** Attacks from outside against real nodes: `vitest run --config test/hostile/vitest.config.ts`. Not part of npm test. */
import { defineConfig } from 'vitest/config'
import { hangMs } from '../support/hang-ms.ts'

export default defineConfig({
  test: {
    name: 'hostile',
    root: `${import.meta.dirname}/../..`,
    include: ['test/hostile/**/*.test.ts'],
    pool: 'forks',
    // Each measures how fast honest users are served.
    fileParallelism: false,
    testTimeout: hangMs,
    hookTimeout: hangMs,
    expect: { poll: { timeout: hangMs } },
  },
})
