/** Tests against a real S3 server: `vitest run --config test/s3/vitest.config.ts`. Not part of npm test: the server takes minutes. */
import { defineConfig } from 'vitest/config'
import { hangMs } from '../support/hang-ms.ts'

export default defineConfig({
  test: {
    name: 's3',
    root: `${import.meta.dirname}/../..`,
    include: ['test/s3/**/*.test.ts'],
    pool: 'forks',
    globalSetup: ['test/s3/server.setup.ts'],
    // One server, which one of the tests stops and kills.
    fileParallelism: false,
    testTimeout: hangMs,
    hookTimeout: hangMs,
  },
})
