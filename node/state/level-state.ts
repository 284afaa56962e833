/**
 * StateStore on LevelDB: JSON values, one folder, one process. A write is on the disk when its promise resolves (`sync`), which
 * is affordable because only small and rare records live here.
 */
import { Level } from 'level'
import { HoldfastError } from '../../common/index.ts'
import type { StateStore } from '../ports/index.ts'
import { makeFolder, passCrashPoint } from '../system/index.ts'

/** BAD_CONFIG when another node uses the folder; DISK_FAILED when the database is damaged or the disk refuses. */
export async function openLevelState(path: string): Promise<StateStore> {
  const database = new Level<string, unknown>(path, { valueEncoding: 'json' })
  try {
    await makeFolder(path, 0o700)
    await database.open()
  } catch (error) {
    throw openError(path, error)
  }
  return new LevelState(database, path)
}

class LevelState implements StateStore {
  private readonly database: Level<string, unknown>
  private readonly path: string

  constructor(database: Level<string, unknown>, path: string) {
    this.database = database
    this.path = path
  }

  async get(key: string): Promise<unknown> {
    return (await this.guard(() => this.database.get(key))) ?? null
  }

  async put(key: string, value: unknown): Promise<void> {
    await this.write(() => this.database.put(key, value, { sync: true }))
  }

  async delete(key: string): Promise<void> {
    await this.write(() => this.database.del(key, { sync: true }))
  }

  async *entries(prefix: string): AsyncIterable<[string, unknown]> {
    // Keys are ordered by their UTF-8 bytes, so those with the prefix lie together, from the prefix itself on.
    const iterator = this.database.iterator({ gte: prefix })
    try {
      for (;;) {
        const entry = await this.guard(() => iterator.next())
        if (entry === undefined || !entry[0].startsWith(prefix)) return
        yield entry
      }
    } finally {
      await iterator.close()
    }
  }

  async close(): Promise<void> {
    await this.guard(() => this.database.close())
  }

  /** Begun before the first point, so that a crash there meets LevelDB in the middle of it. */
  private async write(action: () => Promise<void>): Promise<void> {
    await this.guard(async () => {
      const written = action()
      passCrashPoint('state.write-asked')
      await written
      passCrashPoint('state.written')
    })
  }

  private async guard<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action()
    } catch (cause) {
      throw new HoldfastError(
        'DISK_FAILED',
        `The state in ${this.path} could not be read or written: ${textOf(cause)}`,
        {
          details: { path: this.path },
          cause,
        },
      )
    }
  }
}

function openError(path: string, error: unknown): HoldfastError {
  const cause = (error as { cause?: { code?: string } }).cause
  const details = { path }
  if (cause?.code === 'LEVEL_LOCKED') {
    return new HoldfastError(
      'BAD_CONFIG',
      `Another node runs with the state folder ${path}; give this one a data folder of its own (node.dataDir).`,
      { details, cause: error },
    )
  }
  return new HoldfastError('DISK_FAILED', `The state folder ${path} cannot be opened: ${textOf(cause ?? error)}`, {
    details,
    cause: error,
  })
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
