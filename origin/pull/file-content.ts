/** Whether a file of this machine has the content that a manifest states: chunk by chunk, several at a time. */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileWork } from '../../native/index.ts'
import { mapLimited } from '../concurrency.ts'
import type { ManifestFile } from '../types.ts'
import { placedChunks } from './read-plan.ts'

const chunksConcurrent = 4

/** False for one of another size, too. The path ends in no link. */
export async function hasContentOf(
  path: string,
  file: ManifestFile,
  work: FileWork,
  signal?: AbortSignal,
): Promise<boolean> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const { size } = await handle.stat()
    if (size !== file.sizeBytes) return false
    let isSame = true
    await mapLimited(placedChunks(file.chunks), chunksConcurrent, async ({ offsetBytes, sizeBytes, sha256 }) => {
      signal?.throwIfAborted()
      if (!isSame) return
      isSame = (await work.hashRange({ fd: handle.fd, offsetBytes, sizeBytes })) === sha256 && isSame
    })
    return isSame
  } finally {
    await handle.close()
  }
}
