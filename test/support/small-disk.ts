/** A file system of a chosen size that can be made read-only: a tmpfs, which takes root to mount. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'

export class SmallDisk implements Disposable {
  readonly path: string
  /** Why this machine cannot; null when the disk is there. */
  readonly reason: string | null

  private constructor(path: string, reason: string | null) {
    this.path = path
    this.reason = reason
  }

  /** Makes the folder. */
  static mount(path: string, sizeBytes: number): SmallDisk {
    mkdirSync(path, { recursive: true })
    try {
      const options = `size=${sizeBytes},mode=0700`
      execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'holdfast-test', path], { stdio: 'pipe' })
      return new SmallDisk(path, null)
    } catch (error) {
      const why = (error as Error).message.split('\n')[0]
      return new SmallDisk(path, `no tmpfs can be mounted here (${why}); it takes root`)
    }
  }

  /** Fails while a file is open for writing. */
  setReadOnly(readOnly: boolean): void {
    execFileSync('mount', ['-o', `remount,${readOnly ? 'ro' : 'rw'}`, this.path])
  }

  resize(sizeBytes: number): void {
    execFileSync('mount', ['-o', `remount,size=${sizeBytes}`, this.path])
  }

  [Symbol.dispose](): void {
    if (this.reason === null) execFileSync('umount', ['--lazy', this.path])
  }
}
