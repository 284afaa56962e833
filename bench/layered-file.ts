/** A safetensors file of equal layers of random bytes: two files share the layers whose seeds they share. */
import { createCipheriv } from 'node:crypto'
import { open } from 'node:fs/promises'

const blockBytes = 2 ** 20

export async function writeLayeredFile(path: string, layerBytes: number, seeds: readonly number[]): Promise<void> {
  const header: Record<string, unknown> = {}
  for (const index of seeds.keys()) {
    const data_offsets = [index * layerBytes, (index + 1) * layerBytes]
    header[`layer.${index}.weight`] = { dtype: 'U8', shape: [layerBytes], data_offsets }
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  const zeros = Buffer.alloc(blockBytes)
  const file = await open(path, 'wx')
  try {
    await file.write(Buffer.concat([length, text]))
    for (const seed of seeds) {
      const key = Buffer.alloc(16)
      key.writeUInt32LE(seed)
      const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
      for (let leftBytes = layerBytes; leftBytes > 0; leftBytes -= blockBytes) {
        await file.write(cipher.update(zeros.subarray(0, Math.min(leftBytes, blockBytes))))
      }
    }
    await file.sync()
  } finally {
    await file.close()
  }
}
