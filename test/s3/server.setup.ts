/** Starts the server once for all test files, unless it runs already; without one the tests are skipped with a reason. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { findServerScript, isServerRunning, type ServerSettings, startServer, stopServer } from './server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    s3: ServerSettings | null
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const script = findServerScript()
  if (script === null) {
    console.log('S3 tests are skipped: there is no server script. Set HOLDFAST_S3_SERVER to one.')
    project.provide('s3', null)
    return undefined
  }
  const given = process.env.S3_DATA
  const dataFolder = given ?? join(await mkdtemp(join(tmpdir(), 'holdfast-s3-')), 'data')
  const wasRunning = given !== undefined && (await isServerRunning(script, dataFolder))
  project.provide('s3', await startServer(script, dataFolder))
  return async () => {
    if (!wasRunning) await stopServer(script, dataFolder)
    if (given === undefined) await rm(join(dataFolder, '..'), { recursive: true, force: true })
  }
}
