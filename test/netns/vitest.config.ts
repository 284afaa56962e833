/** Tests in network namespaces: `vitest run --config test/netns/vitest.config.ts`, as root. Not part of npm test. */
import { defineConfig } from 'vitest/config'
import { hangMs } from '../support/hang-ms.ts'

export default defineConfig({
  test: {
    name: 'netns',
    root: `${import.meta.dirname}/../..`,
    include: ['test/netns/**/*.test.ts'],
    pool: 'forks',
    // There is one laboratory per machine.
    fileParallelism: false,
    testTimeout: hangMs,
    hookTimeout: hangMs,
  },
})
