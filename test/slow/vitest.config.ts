/**
 * What takes long and crosses processes, and every case of what `npm test` takes one case of: `vitest run --config
 * test/slow/vitest.config.ts`. Not part of npm test.
 */
import { defineConfig } from 'vitest/config'
import { hangMs } from '../support/hang-ms.ts'

export default defineConfig({
  test: {
    name: 'slow',
    root: `${import.meta.dirname}/../..`,
    include: [
      'test/slow/**/*.test.ts',
      'test/docs/run-blocks.test.ts',
      'test/native/crash-points.test.ts',
      'test/node/state/crash-points.test.ts',
      'test/origin/gc/gc.test.ts',
    ],
    env: { HOLDFAST_TEST_THOROUGH: '1' },
    pool: 'forks',
    fileParallelism: false,
    testTimeout: hangMs,
    hookTimeout: hangMs,
    expect: { poll: { timeout: hangMs } },
  },
})
