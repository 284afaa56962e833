/** The file systems that the node writes to, and whether they are full. */
import { statfsSync } from 'node:fs'
import type { DiskView } from '../admin/index.ts'
import type { NodePaths } from '../system/index.ts'

/** A chunk and the state need about as much. */
const fullBelowBytes = 16 * 2 ** 20

/** The state always lies on the disk, the models when there is a tier for them. */
export function disksOf({ dataPath, diskPath }: NodePaths, hasTier: boolean): DiskView[] {
  const path = hasTier ? diskPath : dataPath
  try {
    const { bavail, bsize } = statfsSync(path)
    const freeBytes = bavail * bsize
    return [{ path, freeBytes, isFull: freeBytes < fullBelowBytes }]
  } catch {
    // A file system that does not answer is told by the writes that fail on it.
    return []
  }
}
