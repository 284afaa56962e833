/** sha256 of a file on this machine, read in pieces. Its path ends in no link. */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Sha256 } from '../../common/index.ts'

const pieceBytes = 4 * 1024 * 1024

export async function hashFile(path: string, signal?: AbortSignal): Promise<Sha256> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const hash = createHash('sha256')
    const { size } = await file.stat()
    // One byte more than the file has, so that a small one takes two reads and little memory.
    const piece = Buffer.allocUnsafe(Math.min(pieceBytes, size + 1))
    for (;;) {
      signal?.throwIfAborted()
      const { bytesRead } = await file.read(piece, 0, piece.length, null)
      if (bytesRead === 0) return hash.digest('hex')
      hash.update(piece.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}
