/** What `holdfast stat` shows of the inside of a model: its tensors, and the inputs and outputs of its ONNX files. */
import { HoldfastError, isHoldfastError, type ModelId } from '../common/index.ts'
import type { Manifest, Origin, Tensor } from '../origin/index.ts'
import { type OnnxInterface, readOnnxInterface } from './onnx-interface.ts'

export interface FileTensor extends Tensor {
  readonly path: string
}

export interface FileInterface extends OnnxInterface {
  readonly path: string
}

/** More than these have no interface that anybody reads on a screen, and each costs requests. */
const onnxFilesMax = 16
const nearMax = 3

/** All of the files whose headers can be read, in file order. */
export function tensorsOf(manifest: Manifest): FileTensor[] {
  return manifest.files.flatMap(({ path, tensors }) => (tensors ?? []).map((tensor) => ({ path, ...tensor })))
}

/** BAD_REQUEST with near names when there is none of that name. */
export async function tensorNamed(manifest: Manifest, name: string): Promise<FileTensor[]> {
  const tensors = tensorsOf(manifest)
  const found = tensors.filter((tensor) => tensor.name === name)
  if (found.length > 0) return found
  const { distance } = await import('fastest-levenshtein')
  const farthest = Math.max(2, Math.floor(name.length / 3))
  const near = [...new Set(tensors.map((tensor) => tensor.name))]
    .map((known) => ({ known, away: distance(known, name) }))
    .filter(({ away }) => away <= farthest)
    .sort((a, b) => a.away - b.away || (a.known < b.known ? -1 : 1))
    .slice(0, nearMax)
    .map(({ known }) => known)
  throw new HoldfastError('BAD_REQUEST', `No tensor of the model is called ${name}; it has ${tensors.length}.`, {
    details: { tensor: name, near },
  })
}

/** Of each ONNX file; a file that is none, or whose bytes are gone, has no entry. */
export async function interfacesOf(origin: Origin, model: ModelId, manifest: Manifest): Promise<FileInterface[]> {
  const { isDamage } = await import('../origin/index.ts')
  const files = manifest.files.filter(({ path }) => path.toLowerCase().endsWith('.onnx'))
  const interfaces: FileInterface[] = []
  for (const { path, sha256, sizeBytes } of files.slice(0, onnxFilesMax)) {
    try {
      const read = (offsetBytes: number, size: number) =>
        origin.readRange(model, sha256, { offsetBytes, sizeBytes: size })
      interfaces.push({ path, ...(await readOnnxInterface(sizeBytes, read)) })
    } catch (error) {
      // verify names what is damaged; the rest of the model is shown all the same.
      const isTold = error instanceof RangeError || (isHoldfastError(error) && isDamage(error))
      if (!isTold) throw error
    }
  }
  return interfaces
}
