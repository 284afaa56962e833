/** The server of an origin's folder (origin-front.ts) as a process of its own, and how it is told to behave. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { HoldfastError } from '../../common/index.ts'
import type { OriginManner } from './origin-front.ts'

export interface OriginProcess {
  readonly process: ChildProcess
  /** host:port */
  readonly address: string
}

/** @param enter words before the command, as those of a host of a laboratory. */
export async function startOriginFront(
  folder: string,
  host: string,
  port: number,
  enter: readonly string[] = [],
): Promise<OriginProcess> {
  const script = join(import.meta.dirname, `origin-front${import.meta.filename.slice(-3)}`)
  const [command, ...words] = [...enter, process.execPath, script, folder, host, String(port)]
  const origin = spawn(command!, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  const line = await new Promise<string>((resolve, reject) => {
    createInterface(origin.stdout).once('line', resolve)
    origin.once('exit', (code) => reject(new HoldfastError('SYSTEM', `The origin's server ended with ${code}.`)))
  })
  return { process: origin, address: `${host}:${line.split(' ')[1]}` }
}

/** From now on the origin answers like that. */
export async function setManner(address: string, manner: OriginManner): Promise<void> {
  await fetch(`http://${address}/-/manner/${manner}`)
}
