/** A file of incompressible bytes, the same for the same seed. */

import { createCipheriv } from 'node:crypto'
import { open } from 'node:fs/promises'

const blockBytes = 8 * 2 ** 20

/** AES-CTR of zeros: the fastest generator at hand. */
export async function writeRandomFile(path: string, sizeBytes: number, seed: number): Promise<void> {
  const key = Buffer.alloc(16)
  key.writeUInt32LE(seed)
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(blockBytes)
  const file = await open(path, 'wx')
  try {
    for (let leftBytes = sizeBytes; leftBytes > 0; leftBytes -= blockBytes) {
      await file.write(cipher.update(zeros.subarray(0, Math.min(leftBytes, blockBytes))))
    }
    await file.sync()
  } finally {
    await file.close()
  }
}
