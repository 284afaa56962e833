/** The tools of the system that copy a file and hash the copy. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return (performance.now() - startedMs) / 1000
}

export async function hashFile(path: string): Promise<void> {
  await run('openssl', ['dgst', '-sha256', path])
}

/** The copy is on the disk and hashed: at the same time, as far as the machine can. */
export async function copyAndHash(path: string, copy: string): Promise<void> {
  await run('cp', [path, copy])
  await Promise.all([run('sync', [copy]), hashFile(copy)])
}
