/**
 * A store process that fills every second chunk of a blob, the only file `half.bin` of acme/half, says so, and waits to be killed.
 *   fill-part.ts FOLDER SIZE SEED
 */
import { join } from 'node:path'
import { createStore } from '../../../native/index.ts'
import { bytesOf, chunksOf, digestOf, fileOf, specOf } from '../fixture.ts'

const [folder = '', size = '0', seed = '0'] = process.argv.slice(2)
const store = createStore(
  {
    socketPath: join(folder, 'other.sock'),
    memoryLimitBytes: 64 << 20,
    diskPath: join(folder, 'other-disk'),
    diskLimitBytes: 64 << 20,
    connectionsMax: 1,
    leasesPerConnectionMax: 1,
  },
  { onLease() {}, onOpenMiss() {} },
)
const bytes = bytesOf(Number(size), Number(seed))
const spec = specOf(bytes)
const fill = store.beginFill(spec, { memory: true, disk: true })
const file = fileOf('half.bin', bytes)
store.publish({ digest: digestOf('acme/half'), files: [file] }, ['acme/half'])
const chunks = chunksOf(bytes, 64 * 1024)
await Promise.all(chunks.map((chunk, index) => (index % 2 === 0 ? fill.putChunk(index, chunk) : undefined)))
console.log('half')
process.stdin.resume()
