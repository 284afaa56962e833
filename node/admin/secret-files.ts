/**
 * Files with secrets that may change under a running node: read again on request (SIGHUP) and when a look shows another
 * inode, size or time. Looking now and then also sees what inotify does not: a symlink that an orchestrator moves.
 *
 * A file that cannot be read or is malformed changes nothing: the node goes on with what it had, says so once, and tries it again at each
 * look, because what was wrong need not show in the file.
 */
import { stat } from 'node:fs/promises'
import type { Clock, Log } from '../system/index.ts'

export interface SecretFilesOptions {
  /** How soon a changed file counts. A stat costs microseconds. */
  readonly periodMs: number
}

export const defaultSecretFilesOptions: SecretFilesOptions = { periodMs: 2_000 }

interface Watched {
  readonly path: string
  readonly reload: () => Promise<void>
  seen: string
  /** Why it cannot be used as it is now; null when it can. */
  failure: string | null
}

export class SecretFiles {
  private readonly ports: { readonly clock: Clock; readonly log: Log }
  private readonly options: SecretFilesOptions
  private readonly files: Watched[] = []
  private stopTimer: (() => void) | null = null
  private looking: Promise<void> | null = null

  constructor(ports: { readonly clock: Clock; readonly log: Log }, options: Partial<SecretFilesOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultSecretFilesOptions, ...options }
  }

  /** `reload` reads the file and puts it to use. Call it once before: what the file is now counts as read. */
  async add(path: string, reload: () => Promise<void>): Promise<void> {
    this.files.push({ path, reload, seen: await stampOf(path), failure: null })
  }

  start(): void {
    this.stopTimer = this.ports.clock.every(this.options.periodMs, () => void this.look())
  }

  stop(): void {
    this.stopTimer?.()
    this.stopTimer = null
  }

  /** Reads what has changed. */
  look(): Promise<void> {
    this.looking ??= this.readAll(false).finally(() => {
      this.looking = null
    })
    return this.looking
  }

  /** Reads all again, changed or not. */
  async reload(): Promise<void> {
    await this.looking
    await this.readAll(true)
  }

  private async readAll(force: boolean): Promise<void> {
    for (const file of this.files) {
      const stamp = await stampOf(file.path)
      const isChanged = stamp !== file.seen
      if (!isChanged && file.failure === null && !force) continue
      file.seen = stamp
      try {
        await file.reload()
        file.failure = null
        this.ports.log.info({ path: file.path }, 'secrets were read again')
      } catch (error) {
        const { message } = error as Error
        const isTold = message === file.failure && !isChanged && !force
        file.failure = message
        if (isTold) continue
        this.ports.log.error(
          { path: file.path, error: message },
          'changed secrets cannot be used; those of before stay valid',
        )
      }
    }
  }
}

async function stampOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(path)
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`
  } catch {
    // Absent for the moment: reading it will say why.
    return 'absent'
  }
}
