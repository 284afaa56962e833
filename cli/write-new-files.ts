/** Files of a user that are made whole, all of them or none: on a full disk no empty key stays that the next try would refuse. */
import { open, unlink } from 'node:fs/promises'

export interface NewFile {
  readonly path: string
  readonly text: string
  readonly mode?: number
}

/** A file that exists already is an error of the system, EEXIST; the others have codes of origin/files/file-failure.ts. */
export async function writeNewFiles(files: readonly NewFile[]): Promise<void> {
  const made: string[] = []
  for (const file of files) {
    try {
      await writeNew(file, made)
    } catch (error) {
      for (const path of made) await unlink(path).catch(() => {})
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error
      const { fileFailure } = await import('../origin/index.ts')
      throw fileFailure(error, file.path, 'written')
    }
  }
}

async function writeNew({ path, text, mode }: NewFile, made: string[]): Promise<void> {
  const file = await open(path, 'wx', mode)
  made.push(path)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}
