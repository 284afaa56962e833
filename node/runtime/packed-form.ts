/**
 * An ONNX model and the files beside it that hold its weights, as one file, for models that cannot be converted to one that runs in place:
 *
 *   model.onnx | file beside it ... | index, JSON: {modelBytes, files: [{path, sizeBytes}]} | its size, 8 bytes | mark, 8 bytes
 *
 * A model of one file is that file, as it is.
 */
import { createReadStream } from 'node:fs'
import { copyFile, open, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { HoldfastError } from '../../common/index.ts'

export interface PackedModel {
  readonly model: Uint8Array
  readonly files: readonly { readonly path: string; readonly data: Uint8Array }[]
}

interface Index {
  readonly modelBytes: number
  readonly files: readonly { readonly path: string; readonly sizeBytes: number }[]
}

const mark = Buffer.from('HFPACK01')
const footerBytes = 16

/** @param besides paths relative to the model's folder. */
export async function packModel(modelPath: string, besides: readonly string[], packedPath: string): Promise<void> {
  if (besides.length === 0) return copyFile(modelPath, packedPath)
  const packed = await open(packedPath, 'wx')
  try {
    const append = async (path: string): Promise<number> => {
      for await (const part of createReadStream(path)) await packed.write(part as Buffer)
      return (await stat(path)).size
    }
    const modelBytes = await append(modelPath)
    const files: Index['files'][number][] = []
    for (const path of besides) files.push({ path, sizeBytes: await append(beside(modelPath, path)) })
    const index = Buffer.from(JSON.stringify({ modelBytes, files } satisfies Index))
    const size = Buffer.alloc(8)
    size.writeBigUInt64LE(BigInt(index.length))
    await packed.write(Buffer.concat([index, size, mark]))
  } finally {
    await packed.close()
  }
}

/** Views of the bytes. */
export function unpackModel(bytes: Uint8Array): PackedModel {
  const footer = Buffer.from(bytes.subarray(-footerBytes))
  if (footer.length < footerBytes || !footer.subarray(8).equals(mark)) return { model: bytes, files: [] }
  const indexEnd = bytes.length - footerBytes
  const indexStart = indexEnd - Number(footer.readBigUInt64LE())
  const { modelBytes, files } = JSON.parse(Buffer.from(bytes.subarray(indexStart, indexEnd)).toString('utf8')) as Index
  let at = modelBytes
  return {
    model: bytes.subarray(0, modelBytes),
    files: files.map(({ path, sizeBytes }) => {
      at += sizeBytes
      return { path, data: bytes.subarray(at - sizeBytes, at) }
    }),
  }
}

/** The runtime refuses such paths too; a hostile model must not have other files of this machine taken into its form. */
function beside(modelPath: string, path: string): string {
  if (isAbsolute(path) || path.split('/').includes('..'))
    throw new HoldfastError('BAD_MODEL_FILE', 'The model wants weights from outside of its folder.')
  return join(dirname(modelPath), path)
}
