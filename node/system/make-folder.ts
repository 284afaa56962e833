/**
 * `mkdir -p` that always ends. Node's own recursive mkdir asks again and again for ever where the parent exists but nothing can be
 * made in it and the system says ENOENT, as below /proc.
 */
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HoldfastError } from '../../common/index.ts'

/** New folders get `mode`; existing ones are left as they are. BAD_CONFIG names the folder that cannot be made. */
export async function makeFolder(path: string, mode: number): Promise<void> {
  if (await isFolder(path)) return
  if (dirname(path) !== path) await makeFolder(dirname(path), mode)
  try {
    await mkdir(path, { mode })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST' && (await isFolder(path))) return
    const why = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new HoldfastError(
      'BAD_CONFIG',
      `The folder ${path} cannot be made (${why}); check its path and the permissions of the folders above it.`,
      {
        details: { path },
        cause,
      },
    )
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false // Whatever is wrong with it, making it will say so.
  }
}
