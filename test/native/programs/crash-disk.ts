/**
 * One life of a disk tier, with every kind of write that it makes, in an order that never changes: HOLDFAST_CRASH_AT picks the
 * moment at which it dies. Says `done` when it was not killed.
 *   crash-disk.ts FOLDER
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toBlobId } from '../../../common/index.ts'
import { createStore } from '../../../native/index.ts'
import { chunksOf, specOf } from '../fixture.ts'
import { blobs, chunkBytes, diskLimitBytes, moves, storeOptions } from './crash-disk-plan.ts'

const [folder = ''] = process.argv.slice(2)
// What an import that died earlier left behind.
mkdirSync(join(folder, 'disk', 'partial'), { recursive: true })
writeFileSync(join(folder, 'disk', 'partial', 'import-7'), 'half a file')
const store = createStore(storeOptions(folder), { onLease() {}, onOpenMiss() {} })

async function putAll(bytes: Buffer, into: { memory: boolean; disk: boolean }) {
  const fill = store.beginFill(specOf(bytes, chunkBytes), into)
  for (const [index, chunk] of chunksOf(bytes, chunkBytes).entries()) await fill.putChunk(index, chunk)
  return fill
}

await (await putAll(blobs.toDisk, { memory: false, disk: true })).finish()
await (await putAll(blobs.toBoth, { memory: true, disk: true })).finish()
// As a node of before the blob id leaves its disk: the files have the sha256 as their name.
await (await putAll(blobs.former, { memory: false, disk: true })).finish()
await (await putAll(blobs.formerTwin, { memory: false, disk: true })).finish()
await (await putAll(blobs.formerPartial, { memory: false, disk: true })).abort({ keepPartial: true })
await store.takeOver(moves.map(({ from, to }) => ({ from: to, to: toBlobId(from) })))
await (await putAll(blobs.formerTwin, { memory: false, disk: true })).finish()
await store.takeOver(moves)
await (await putAll(blobs.formerPartial, { memory: false, disk: true })).finish()
for (const { to } of moves) await store.dropDisk(to)
const derivedPath = join(folder, 'derived')
writeFileSync(derivedPath, blobs.imported)
await store.importFile(derivedPath, chunkBytes)
await (await putAll(blobs.discarded, { memory: false, disk: true })).abort()
await (await putAll(blobs.givenUp, { memory: false, disk: true })).abort({ keepPartial: true })
await store.dropDisk(specOf(blobs.toBoth, chunkBytes).id)
// Takes what is left of the limit, so that the partial file that was kept has to go.
if (store.stats().tiers.disk.usedBytes + blobs.large.length <= diskLimitBytes)
  throw new Error('the large blob fits by itself')
await (await putAll(blobs.large, { memory: false, disk: true })).finish()
store.checkInvariants()
await store.close()
console.log('done')
