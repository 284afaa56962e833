/** The bench of transfers with what .ci/bulk.sh installs for it: `vitest run --config test/bulk/vitest.config.ts`. */
import { defineConfig } from 'vitest/config'
import { hangMs } from '../support/hang-ms.ts'

export default defineConfig({
  test: {
    name: 'bulk',
    root: `${import.meta.dirname}/../..`,
    include: ['test/bulk/bulk.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: hangMs,
    hookTimeout: hangMs,
  },
})
