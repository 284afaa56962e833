/** The bench of the field with what .ci/field.sh installs for it: `vitest run --config test/field/vitest.config.ts`. */
import { defineConfig } from 'vitest/config'
import { hangMs } from '../support/hang-ms.ts'

export default defineConfig({
  test: {
    name: 'field',
    root: `${import.meta.dirname}/../..`,
    include: ['test/field/field.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: hangMs,
    hookTimeout: hangMs,
  },
})
