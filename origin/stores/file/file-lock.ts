/**
 * A lock between processes of one machine or of several that share a folder, made of link(2) alone: Node has no flock.
 *
 * The lock is a folder of numbered files; the highest number tells the state, held or free. To change the state one links
 * the next number, which exactly one process can do:
 *
 *     7 free  ->  link 8 {held by me}  ->  ... critical section ...  ->  link 9 {free}
 *
 * The highest file is never deleted, only those below it, so a process that slept between looking and linking finds either
 * its number taken or a higher one beside it, and knows that it lost. A lock file that is created and unlinked has no such
 * order: two who break the same stale lock can both win.
 *
 * A holder that died (its pid is gone on this machine) or that is silent beyond `staleMs` is passed over.
 */
import { randomUUID } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { link, mkdir, readdir, readFile, stat, unlink, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Clock, pause } from '../../../common/index.ts'
import { errnoOf } from './errno.ts'
import { unlinkIfThere } from './file-ops.ts'

export interface FileLockOptions {
  /** A holder on another machine that is silent so long is dead. The critical section takes milliseconds. */
  readonly staleMs: number
  /** Pause between two looks at a lock that is held; a few critical sections long. */
  readonly pollMs: number
}

export const defaultFileLockOptions: FileLockOptions = { staleMs: 30_000, pollMs: 4 }

interface LockState {
  readonly number: number
  /** null when the lock is free. */
  readonly holder: { readonly machine: string; readonly pid: number } | null
}

export class FileLock {
  private readonly folder: string
  private readonly clock: Clock
  private readonly options: FileLockOptions
  private held = 0

  constructor(folder: string, clock: Clock, options: FileLockOptions = defaultFileLockOptions) {
    this.folder = folder
    this.clock = clock
    this.options = options
  }

  async acquire(signal?: AbortSignal): Promise<void> {
    await mkdir(this.folder, { recursive: true })
    for (;;) {
      signal?.throwIfAborted()
      const state = await this.state()
      const takeable = state.holder === null || (await this.isDead(state))
      if (takeable && (await this.advance(state.number + 1, { machine, pid: process.pid }))) {
        this.held = state.number + 1
        return
      }
      await pause(this.clock, this.options.pollMs, signal)
    }
  }

  /** False when somebody took this process for dead meanwhile. Asked right before the write that the lock protects. */
  async isStillHeld(): Promise<boolean> {
    return (await this.highest()) === this.held
  }

  async release(): Promise<void> {
    const number = this.held
    this.held = 0
    // Losing here means that the lock was taken over; then it is not ours to free.
    await this.advance(number + 1, null)
  }

  private async advance(number: number, holder: LockState['holder']): Promise<boolean> {
    const path = join(this.folder, `${randomUUID()}.new`)
    await writeFile(path, JSON.stringify(holder))
    try {
      await link(path, join(this.folder, String(number)))
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false
      throw error
    } finally {
      await unlink(path)
    }
    return this.removeBelow(number)
  }

  /** Removes what the number has superseded. False, and the number is removed too, when it was itself superseded before. */
  private async removeBelow(number: number): Promise<boolean> {
    const numbers = await this.numbers()
    const highest = Math.max(...numbers)
    await Promise.all(numbers.filter((n) => n < highest).map((n) => unlinkIfThere(join(this.folder, String(n)))))
    return highest === number
  }

  private async state(): Promise<LockState> {
    for (;;) {
      const number = await this.highest()
      if (number === 0) return { number, holder: null }
      try {
        const holder = JSON.parse(await readFile(join(this.folder, String(number)), 'utf8')) as LockState['holder']
        return { number, holder }
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error // Superseded and removed since it was listed: look again.
      }
    }
  }

  private async isDead(state: LockState): Promise<boolean> {
    if (state.holder === null) return true
    if (state.holder.machine === machine && !isAlive(state.holder.pid)) return true
    try {
      const { mtimeMs } = await stat(join(this.folder, String(state.number)))
      return this.clock.wallMs() - mtimeMs > this.options.staleMs
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false
      throw error
    }
  }

  private async highest(): Promise<number> {
    return Math.max(0, ...(await this.numbers()))
  }

  private async numbers(): Promise<number[]> {
    return (await readdir(this.folder)).filter((name) => /^\d+$/.test(name)).map(Number)
  }
}

/** A pid means something only within one pid namespace: two containers may share host name and folder. */
const machine = `${hostname()} ${pidNamespace()}`

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return 'no namespaces' // Not Linux.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) === 'EPERM'
  }
}
