/** The blobs of crash-disk.ts, for it and for the test that looks at what it left. */
import { join } from 'node:path'
import type { BlobMove, StoreOptions } from '../../../native/types.ts'
import { bytesOf, sha256, specOf } from '../fixture.ts'

export const chunkBytes = 64 * 1024
export const diskLimitBytes = 20 * chunkBytes

export const blobs = {
  toDisk: bytesOf(3 * chunkBytes, 1),
  toBoth: bytesOf(3 * chunkBytes, 2),
  imported: bytesOf(2 * chunkBytes + 100, 3),
  discarded: bytesOf(2 * chunkBytes, 4),
  givenUp: bytesOf(4 * chunkBytes, 5),
  large: bytesOf(12 * chunkBytes, 6),
  former: bytesOf(chunkBytes + 10, 7),
  formerPartial: bytesOf(2 * chunkBytes, 8),
  formerTwin: bytesOf(chunkBytes, 9),
}

/** Files of a node of before the blob id, which named them by their sha256. */
export const moves: readonly BlobMove[] = [blobs.former, blobs.formerPartial, blobs.formerTwin].map((bytes) => ({
  from: sha256(bytes),
  to: specOf(bytes, chunkBytes).id,
}))

export function storeOptions(folder: string): StoreOptions {
  return {
    socketPath: join(folder, 'store.sock'),
    memoryLimitBytes: 16 << 20,
    diskPath: join(folder, 'disk'),
    diskLimitBytes,
    connectionsMax: 1,
    leasesPerConnectionMax: 1,
  }
}
