/**
 * Checks the parts of one manifest and builds clean values of them, in time linear in its size. One checker per manifest:
 * it counts chunks and tensors over all files, and remembers what a digest meant when it was first seen.
 */
import type { Sha256 } from '../../common/index.ts'
import { pathProblem } from '../files/file-path.ts'
import type { Chunk, ManifestFile, Tensor } from '../types.ts'
import type { HostileJson } from './hostile-json.ts'
import { chunkBytesMax, type ManifestLimits } from './manifest-limits.ts'

const fileKeys = new Set(['path', 'sizeBytes', 'sha256', 'chunks', 'tensors'])
const chunkKeys = new Set(['sha256', 'sizeBytes'])
const tensorKeys = new Set(['name', 'dtype', 'shape', 'offsetBytes', 'sizeBytes'])

export class ManifestChecker {
  private readonly json: HostileJson
  private readonly limits: ManifestLimits
  private chunkCount = 0
  private tensorCount = 0
  private totalBytes = 0
  private readonly chunkSizes = new Map<Sha256, number>()
  private readonly filesBySha256 = new Map<Sha256, ManifestFile>()
  private readonly folders = new Set<string>()

  constructor(json: HostileJson, limits: ManifestLimits) {
    this.json = json
    this.limits = limits
  }

  files(value: unknown): ManifestFile[] {
    const items = this.json.array(value, 'files', this.limits.filesMax)
    if (items.length === 0) throw this.json.fail('files', 'is empty')
    const files = items.map((item, index) => this.file(item, `files[${index}]`))
    for (let i = 1; i < files.length; i++) {
      const before = files[i - 1]!.path
      const path = files[i]!.path
      if (before === path) throw this.json.fail(`files[${i}].path`, `${JSON.stringify(path)} occurs twice`)
      if (before > path) throw this.json.fail(`files[${i}].path`, 'is not in sorted order')
    }
    this.checkNoFileIsAFolder(files)
    return files
  }

  annotations(value: unknown): Record<string, string> {
    const entries = Object.entries(this.json.object(value, 'annotations'))
    const { annotationsMax, annotationLengthMax } = this.limits
    this.json.array(entries, 'annotations', annotationsMax)
    return Object.fromEntries(
      entries.map(([key, text]) => [
        this.json.string(key, 'a key of annotations', annotationLengthMax),
        this.json.string(text, 'a value of annotations', annotationLengthMax),
      ]),
    )
  }

  private file(value: unknown, place: string): ManifestFile {
    const object = this.json.object(value, place)
    this.json.keys(object, place, fileKeys)
    const path = this.json.string(object.path, `${place}.path`, this.limits.pathLengthMax)
    const problem = pathProblem(path)
    if (problem !== null) throw this.json.fail(`${place}.path`, problem)
    const sizeBytes = this.json.integer(object.sizeBytes, `${place}.sizeBytes`, 0)
    this.totalBytes += sizeBytes
    if (!Number.isSafeInteger(this.totalBytes)) throw this.json.fail('files', 'have sizes that sum to 2^53 or more')
    const sha256 = this.json.sha256(object.sha256, `${place}.sha256`)
    const chunks = this.chunks(object.chunks, place, sizeBytes)
    const file: ManifestFile = { path, sizeBytes, sha256, chunks }
    this.checkOneMeaning(file, place)
    return object.tensors === undefined ? file : { ...file, tensors: this.tensors(object.tensors, place, sizeBytes) }
  }

  private chunks(value: unknown, place: string, fileSizeBytes: number): Chunk[] {
    const { chunksMax, chunkMeanBytesMin, chunksSpare } = this.limits
    const mayHave = chunksSpare + Math.floor(fileSizeBytes / chunkMeanBytesMin)
    const items = this.json.array(value, `${place}.chunks`, Math.min(mayHave, chunksMax - this.chunkCount))
    this.chunkCount += items.length
    let sumBytes = 0
    const chunks = items.map((item, index) => {
      const chunkPlace = `${place}.chunks[${index}]`
      const object = this.json.object(item, chunkPlace)
      this.json.keys(object, chunkPlace, chunkKeys)
      const sha256 = this.json.sha256(object.sha256, `${chunkPlace}.sha256`)
      const sizeBytes = this.json.integer(object.sizeBytes, `${chunkPlace}.sizeBytes`, 1, chunkBytesMax)
      const known = this.chunkSizes.get(sha256)
      if (known === undefined) this.chunkSizes.set(sha256, sizeBytes)
      else if (known !== sizeBytes) throw this.json.fail(chunkPlace, 'has the sha256 of a chunk of another size')
      sumBytes += sizeBytes
      return { sha256, sizeBytes }
    })
    if (sumBytes !== fileSizeBytes) {
      throw this.json.fail(`${place}.chunks`, `sum to ${sumBytes} bytes, the file has ${fileSizeBytes}`)
    }
    return chunks
  }

  private tensors(value: unknown, place: string, fileSizeBytes: number): Tensor[] {
    const items = this.json.array(value, `${place}.tensors`, this.limits.tensorsMax - this.tensorCount)
    this.tensorCount += items.length
    const names = new Set<string>()
    let endBytes = 0
    return items.map((item, index) => {
      const tensor = this.tensor(item, `${place}.tensors[${index}]`)
      const where = `${place}.tensors[${index}]`
      if (names.has(tensor.name)) throw this.json.fail(where, `has the name of an earlier tensor`)
      names.add(tensor.name)
      if (tensor.offsetBytes < endBytes)
        throw this.json.fail(where, 'overlaps the tensor before it, or is out of order')
      endBytes = tensor.offsetBytes + tensor.sizeBytes
      if (endBytes > fileSizeBytes) throw this.json.fail(where, `ends at ${endBytes}, the file at ${fileSizeBytes}`)
      return tensor
    })
  }

  private tensor(value: unknown, place: string): Tensor {
    const object = this.json.object(value, place)
    this.json.keys(object, place, tensorKeys)
    const shape = this.json.array(object.shape, `${place}.shape`, this.limits.tensorRankMax)
    return {
      name: this.json.string(object.name, `${place}.name`, this.limits.tensorNameLengthMax),
      dtype: this.json.string(object.dtype, `${place}.dtype`, this.limits.dtypeLengthMax),
      shape: shape.map((dimension) => this.json.integer(dimension, `${place}.shape`, 0)),
      offsetBytes: this.json.integer(object.offsetBytes, `${place}.offsetBytes`, 0),
      sizeBytes: this.json.integer(object.sizeBytes, `${place}.sizeBytes`, 0),
    }
  }

  /** Nodes store a blob once, under its sha256: two descriptions of one blob would make one of them a lie. */
  private checkOneMeaning(file: ManifestFile, place: string): void {
    const known = this.filesBySha256.get(file.sha256)
    if (known === undefined) {
      this.filesBySha256.set(file.sha256, file)
      return
    }
    const same =
      known.sizeBytes === file.sizeBytes &&
      known.chunks.length === file.chunks.length &&
      known.chunks.every((chunk, index) => chunk.sha256 === file.chunks[index]!.sha256)
    if (!same) throw this.json.fail(place, `has the sha256 of ${JSON.stringify(known.path)} but other chunks`)
  }

  /** 'a' and 'a/b' cannot both be written. */
  private checkNoFileIsAFolder(files: readonly ManifestFile[]): void {
    for (const { path } of files) {
      for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
        const folder = path.slice(0, slash)
        // Its own parents were added with it.
        if (this.folders.has(folder)) break
        this.folders.add(folder)
      }
    }
    files.forEach(({ path }, index) => {
      if (this.folders.has(path)) throw this.json.fail(`files[${index}].path`, 'is a file and a folder at once')
    })
  }
}
