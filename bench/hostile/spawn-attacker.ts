import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import type { AttackFacts } from './types.ts'

export interface Attacker {
  readonly process: ChildProcess
  /** SIGKILL; its connections end with it. */
  stop(): Promise<void>
}

/** An attack that has not begun by then cannot. */
const readyTimeoutMs = 120_000

/** Resolves when the attack is under way. */
export async function spawnAttacker(name: string, facts: AttackFacts): Promise<Attacker> {
  const script = join(import.meta.dirname, `attacker${import.meta.filename.slice(-3)}`)
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', script, name, JSON.stringify(facts)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const timeout = new Promise<null>((resolve) => setTimeout(resolve, readyTimeoutMs, null).unref())
  const ready = new Promise<true>((resolve) => child.stdout.once('data', () => resolve(true)))
  const stop = async () => {
    child.kill('SIGKILL')
    await gone
  }
  if ((await Promise.race([ready, gone.then(() => null), timeout])) === null) {
    await stop()
    throw new HoldfastError('SYSTEM', `The attack ${name} did not begin within ${readyTimeoutMs} ms.`)
  }
  return { process: child, stop }
}
