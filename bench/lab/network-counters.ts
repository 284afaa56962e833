/** Bytes that have crossed the lines of a laboratory, as the kernel counts them. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Bytes that a device of a namespace has sent. */
export async function sentBytes(namespace: string, device: string): Promise<number> {
  const { stdout } = await run('ip', ['-n', namespace, '-s', '-j', 'link', 'show', device])
  const [link] = JSON.parse(stdout) as { stats64: { tx: { bytes: number } } }[]
  return link!.stats64.tx.bytes
}
