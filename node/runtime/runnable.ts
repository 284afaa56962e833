/** Which file of a model the runtime executes. */
import type { ManifestFile } from '../../origin/index.ts'

/** `model.onnx` at the top, else the only ONNX file; null when there is none or no telling which. */
export function runnableFileOf<File extends Pick<ManifestFile, 'path'>>(files: readonly File[]): File | null {
  const candidates = files.filter(({ path }) => path.toLowerCase().endsWith('.onnx'))
  const named = candidates.find(({ path }) => path === 'model.onnx')
  return named ?? (candidates.length === 1 ? candidates[0]! : null)
}
