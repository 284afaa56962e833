/**
 * The Python module and the frameworks that share weights through it: `vitest run --config test/python/vitest.config.ts`. Not part of
 * npm test: PyTorch and llama.cpp are large. What is not installed is skipped and said; .ci/python.sh installs it.
 */
import { defineConfig } from 'vitest/config'
import { hangMs } from '../support/hang-ms.ts'

export default defineConfig({
  test: {
    name: 'python',
    root: `${import.meta.dirname}/../..`,
    include: ['test/{python,frameworks}/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: hangMs,
    hookTimeout: hangMs,
  },
})
