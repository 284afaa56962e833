/** Runs the command line as a process of its own: how long it took, what it printed, and the most memory it had. */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HoldfastError } from '../common/index.ts'

export interface Measured {
  readonly seconds: number
  /** Peak of the resident set, shared memory left out; NaN where the system has no /proc. */
  readonly rssMb: number
  readonly stdout: string
}

const pollMs = 20

export async function runMeasured(binPath: string, args: readonly string[]): Promise<Measured> {
  const startedMs = performance.now()
  const child = spawn(process.execPath, [binPath, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const peak = PeakMemory.watch(child.pid ?? 0)
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  const rssMb = peak.stop()
  if (code !== 0)
    throw new HoldfastError('SYSTEM', `The command holdfast ${args.join(' ')} ended with ${code}: ${stdout}`)
  return { seconds: (performance.now() - startedMs) / 1000, rssMb, stdout }
}

/** Looks at a process again and again. */
export class PeakMemory {
  private peakKb = Number.NaN
  private readonly poll: NodeJS.Timeout

  private constructor(pid: number) {
    this.poll = setInterval(async () => {
      const kb = await residentKb(pid)
      if (kb !== null && !(this.peakKb >= kb)) this.peakKb = kb
    }, pollMs)
  }

  static watch(pid: number): PeakMemory {
    return new PeakMemory(pid)
  }

  /** @returns the most that it has had of memory, in MB, shared memory left out; NaN where the system has no /proc. */
  stop(): number {
    clearInterval(this.poll)
    return (this.peakKb * 1024) / 1e6
  }
}

async function residentKb(pid: number): Promise<number | null> {
  try {
    const status = await readFile(join('/proc', String(pid), 'status'), 'utf8')
    const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
    const kb = field('VmRSS') - field('RssShmem')
    return Number.isFinite(kb) ? kb : null
  } catch {
    return null // It has just ended, or this is no Linux.
  }
}
