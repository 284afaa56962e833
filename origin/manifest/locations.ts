/**
 * Where the bytes of a model lie in the origin. Replaceable and never part of an identity: repacking writes a new record
 * under the same key. A wrong one can only make a fetch fail, since every reader verifies each chunk.
 */

import { HoldfastError, type Sha256 } from '../../common/index.ts'
import { pathProblem } from '../files/file-path.ts'
import type { Extent, FileLocation, Locations, Manifest } from '../types.ts'
import { canonicalBytes } from './canonical-json.ts'
import { HostileJson } from './hostile-json.ts'
import { defaultManifestLimits, type ManifestLimits } from './manifest-limits.ts'

export const locationsSchema = 'holdfast.locations.v1'
/** As version 1, with extents outside of the origin's prefix. Written only where there are such, so that older readers read the rest. */
export const locationsSchemaWithBase = 'holdfast.locations.v2'

const json = new HostileJson('BAD_MANIFEST', 'locations record')
const locationsKeys = new Set(['schema', 'files'])
const fileKeys = new Set(['sha256', 'extents'])
const extentKeys = new Set(['object', 'offsetBytes', 'sizeBytes'])
const extentKeysWithBase = new Set([...extentKeys, 'base'])

/** One record per distinct file, sorted by sha256, so that the same places give the same bytes. */
export function buildLocations(files: ReadonlyMap<Sha256, readonly Extent[]>): Uint8Array {
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1))
  const hasBase = sorted.some(([, extents]) => extents.some((extent) => extent.base !== undefined))
  const locations: Locations = {
    schema: hasBase ? locationsSchemaWithBase : locationsSchema,
    files: sorted.map(([sha256, extents]) => ({ sha256, extents: mergeExtents(extents) })),
  }
  return canonicalBytes(locations)
}

export function parseLocations(bytes: Uint8Array, limits: ManifestLimits = defaultManifestLimits): Locations {
  const { object } = json.parse(bytes, limits.manifestBytesMax)
  const hasBase = object.schema === locationsSchemaWithBase
  if (!hasBase) json.schema(object, locationsSchema)
  json.keys(object, '', locationsKeys)
  const seen = new Set<Sha256>()
  let extentsLeft = limits.chunksMax
  const files = json.array(object.files, 'files', limits.filesMax).map((item, index): FileLocation => {
    const place = `files[${index}]`
    const file = json.object(item, place)
    json.keys(file, place, fileKeys)
    const sha256 = json.sha256(file.sha256, `${place}.sha256`)
    if (seen.has(sha256)) throw json.fail(place, 'occurs twice')
    seen.add(sha256)
    const extents = json.array(file.extents, `${place}.extents`, extentsLeft)
    extentsLeft -= extents.length
    return { sha256, extents: extents.map((extent) => parseExtent(extent, `${place}.extents`, hasBase)) }
  })
  return { schema: hasBase ? locationsSchemaWithBase : locationsSchema, files }
}

/** BAD_MANIFEST unless every file of the manifest has extents that sum to its size. */
export function checkLocations(locations: Locations, manifest: Manifest): void {
  const sizes = new Map<Sha256, number>()
  for (const file of locations.files) {
    sizes.set(
      file.sha256,
      file.extents.reduce((sum, extent) => sum + extent.sizeBytes, 0),
    )
  }
  for (const file of manifest.files) {
    const sizeBytes = sizes.get(file.sha256)
    if (sizeBytes === file.sizeBytes) continue
    const found = sizeBytes === undefined ? 'no place' : `${sizeBytes} bytes`
    throw new HoldfastError(
      'BAD_MANIFEST',
      `The locations record has ${found} for ${JSON.stringify(file.path)}, which has ${file.sizeBytes} bytes. Push the model again.`,
      { details: { path: file.path, sha256: file.sha256 } },
    )
  }
}

/** Joins neighbours that touch in the same object: a whole file in one pack becomes one extent, and one request. */
export function mergeExtents(extents: readonly Extent[]): Extent[] {
  const merged: Extent[] = []
  for (const extent of extents) {
    const last = merged.at(-1)
    if (last && isSameObject(last, extent) && last.offsetBytes + last.sizeBytes === extent.offsetBytes) {
      merged[merged.length - 1] = { ...last, sizeBytes: last.sizeBytes + extent.sizeBytes }
    } else {
      merged.push(extent)
    }
  }
  return merged
}

/** The extents of `sizeBytes` from `offsetBytes` of a file that lies at `extents`. Shorter when the file ends before. */
export function sliceExtents(extents: readonly Extent[], offsetBytes: number, sizeBytes: number): Extent[] {
  const endBytes = offsetBytes + sizeBytes
  const slices: Extent[] = []
  let startBytes = 0
  for (const extent of extents) {
    const from = Math.max(offsetBytes, startBytes)
    const to = Math.min(endBytes, startBytes + extent.sizeBytes)
    if (from < to) {
      slices.push({
        ...extent,
        offsetBytes: extent.offsetBytes + (from - startBytes),
        sizeBytes: to - from,
      })
    }
    startBytes += extent.sizeBytes
    if (startBytes >= endBytes) break
  }
  return slices
}

const isSameObject = (a: Extent, b: Extent): boolean => a.object === b.object && a.base === b.base

function parseExtent(value: unknown, place: string, hasBase: boolean): Extent {
  const extent = json.object(value, place)
  json.keys(extent, place, hasBase ? extentKeysWithBase : extentKeys)
  if (extent.base !== undefined && extent.base !== 'bucket') throw json.fail(`${place}.base`, "is not 'bucket'")
  const object = json.string(extent.object, `${place}.object`, defaultManifestLimits.pathLengthMax)
  const problem = pathProblem(object)
  if (problem !== null) throw json.fail(`${place}.object`, problem)
  const offsetBytes = json.integer(extent.offsetBytes, `${place}.offsetBytes`, 0)
  const sizeBytes = json.integer(extent.sizeBytes, `${place}.sizeBytes`, 1)
  json.integer(offsetBytes + sizeBytes, `${place} end`, 1)
  return { object, offsetBytes, sizeBytes, ...(extent.base === undefined ? {} : { base: 'bucket' as const }) }
}
