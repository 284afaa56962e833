/**
 * Which file of a model is run. A folder may have several: variants of one network (`onnx/model.onnx` beside `model_quantized.onnx`),
 * the parts of a pipeline, numbered versions as Triton has them (`1/model.onnx`). A push or a request names the one that it means.
 */
import { HoldfastError, type ModelId } from '../../common/index.ts'
import type { Manifest } from '../types.ts'
import { buildManifest } from './manifest.ts'

/** Annotation with the path of the file that is run. */
export const entryAnnotation = 'holdfast.entry'
/** Annotation of a model that is another with another entry: the digest of that one, where its bytes are found. */
const baseAnnotation = 'holdfast.base'
/** Named in messages. */
const listedMax = 8

type Files = readonly { readonly path: string }[]
type Runnable = Pick<Manifest, 'files'> & Partial<Pick<Manifest, 'annotations'>>

/** Files that the runtime could run. */
export function entryFilesOf<File extends Files[number]>(files: readonly File[]): File[] {
  return files.filter(({ path }) => /\.(?:onnx|ort)$/i.test(path))
}

/** The annotated one, `model.onnx` or `model.ort` at the top, the only one, or the newest version; null when there is no telling which. */
export function runnableFileOf<M extends Runnable>({ files, annotations }: M): M['files'][number] | null {
  const candidates = entryFilesOf(files)
  const entry = annotations?.[entryAnnotation]
  if (entry !== undefined) return candidates.find(({ path }) => path === entry) ?? null
  const named =
    candidates.find(({ path }) => path === 'model.onnx') ?? candidates.find(({ path }) => path === 'model.ort')
  if (named !== undefined || candidates.length <= 1) return named ?? candidates[0] ?? null
  const versions = candidates.map(({ path }) => Number(/^(\d+)\/model\.(?:onnx|ort)$/.exec(path)?.[1] ?? Number.NaN))
  return versions.some(Number.isNaN) ? null : candidates[versions.indexOf(Math.max(...versions))]!
}

/** Why runnableFileOf found none. */
export function whyNotRunnable({ files, annotations }: Runnable): string {
  const candidates = entryFilesOf(files)
  const list = listOf(candidates.length > 0 ? candidates : files)
  const entry = annotations?.[entryAnnotation]
  if (entry !== undefined)
    return `The model has no file ${entry} that could be run (${entryAnnotation}); it has ${list}.`
  if (candidates.length === 0) return `The model has no ONNX file to run; its files are ${list}.`
  return `The model has ${candidates.length} ONNX files: ${list}. Choose one: push it with --entry, or name it as parameters.entry of the request.`
}

/** BAD_REQUEST when the model has no such file to run. */
export function checkEntry(files: Files, entry: string): void {
  const candidates = entryFilesOf(files)
  if (candidates.some(({ path }) => path === entry)) return
  throw new HoldfastError('BAD_REQUEST', `There is no file ${entry} that could be run; there is ${listOf(candidates)}.`)
}

/** The numbered version of a model: the path of its file, or null. */
export function versionFileOf({ files }: Runnable, version: string): string | null {
  return files.find(({ path }) => path === `${version}/model.onnx` || path === `${version}/model.ort`)?.path ?? null
}

const variants = new WeakMap<Manifest, Map<string, { digest: ModelId; manifest: Manifest }>>()

/** The same files with another entry: a model of its own on every node, alike on all, that shares its bytes with the first. */
export function withEntry(digest: ModelId, manifest: Manifest, entry: string): { digest: ModelId; manifest: Manifest } {
  checkEntry(manifest.files, entry)
  if (runnableFileOf(manifest)?.path === entry) return { digest, manifest }
  const known = variants.get(manifest) ?? new Map<string, { digest: ModelId; manifest: Manifest }>()
  variants.set(manifest, known)
  const variant =
    known.get(entry) ??
    buildManifest(manifest.files, { ...manifest.annotations, [entryAnnotation]: entry, [baseAnnotation]: digest })
  known.set(entry, variant)
  return { digest: variant.digest, manifest: variant.manifest }
}

/** Made by a node of another model, whose bytes are its own. No name means one: who names it wants the bytes of that other model. */
export function isVariant({ annotations }: Pick<Manifest, 'annotations'>): boolean {
  return annotations[baseAnnotation] !== undefined
}

/** The model under which origin and peers know the files. */
export function baseOf(digest: ModelId, { annotations }: Pick<Manifest, 'annotations'>): ModelId {
  const base = annotations[baseAnnotation]
  return base !== undefined && /^[0-9a-f]{64}$/.test(base) ? base : digest
}

function listOf(files: Files): string {
  const names = files.slice(0, listedMax).map(({ path }) => path)
  const rest = files.length - names.length
  return `${names.join(', ') || 'none'}${rest > 0 ? ` and ${rest} more` : ''}`
}
