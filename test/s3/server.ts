/** The real S3 server of these tests: a script that starts, stops and shows its processes. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface ServerSettings {
  readonly script: string
  readonly dataFolder: string
  readonly endpoint: string
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** null when there is none on this machine. */
export function findServerScript(): string | null {
  const repository = resolve(import.meta.dirname, '../..')
  const path = process.env.HOLDFAST_S3_SERVER ?? join(repository, '../shared/tools/s3-server')
  return existsSync(path) ? path : null
}

export async function isServerRunning(script: string, dataFolder: string): Promise<boolean> {
  return run(script, ['status'], { env: { ...process.env, S3_DATA: dataFolder } }).then(
    () => true,
    () => false,
  )
}

/** Starts it, or mends it when some of its processes are gone. */
export async function startServer(script: string, dataFolder: string): Promise<ServerSettings> {
  const { stdout } = await run(script, ['start'], { env: { ...process.env, S3_DATA: dataFolder } })
  const settings = Object.fromEntries(stdout.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)))
  return {
    script,
    dataFolder,
    endpoint: settings.S3_ENDPOINT,
    bucket: settings.S3_BUCKET,
    accessKeyId: settings.S3_ACCESS_KEY_ID,
    secretAccessKey: settings.S3_SECRET_ACCESS_KEY,
  }
}

export async function stopServer(script: string, dataFolder: string): Promise<void> {
  await run(script, ['stop'], { env: { ...process.env, S3_DATA: dataFolder } })
}

/** Process id of the part that answers HTTP. */
export async function gatewayPid({ script, dataFolder }: ServerSettings): Promise<number> {
  const { stdout } = await run(script, ['status'], { env: { ...process.env, S3_DATA: dataFolder } })
  const pid = Number(/^rgw: pid (\d+)/m.exec(stdout)?.[1])
  if (Number.isInteger(pid)) return pid
  throw new Error(`no gateway process in: ${stdout}`)
}
