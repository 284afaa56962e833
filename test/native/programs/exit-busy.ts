/**
 * A process that is store and client at once and exits in the middle of everything: models open, a fill and a promotion running,
 * an open waiting. Exits with the code it is given, unless something crashes.
 *   exit-busy.ts FOLDER natural|exit|throw
 */
import { join } from 'node:path'
import { connectStore, createStore } from '../../../native/index.ts'
import { bytesOf, chunksOf, digestOf, fileOf, specOf } from '../fixture.ts'

const [folder = '', how = ''] = process.argv.slice(2)
const store = createStore(
  {
    socketPath: join(folder, 'busy.sock'),
    memoryLimitBytes: 64 << 20,
    diskPath: join(folder, 'busy-disk'),
    diskLimitBytes: 64 << 20,
    connectionsMax: 4,
    leasesPerConnectionMax: 16,
  },
  { onLease() {}, onOpenMiss() {} },
)
const bytes = bytesOf(4 << 20, 1)
const spec = specOf(bytes)
const chunks = chunksOf(bytes, 64 * 1024)
const fill = store.beginFill(spec, { memory: false, disk: true })
await Promise.all(chunks.map((chunk, index) => fill.putChunk(index, chunk)))
await fill.finish()
await store.promote(spec.id)
store.publish({ digest: digestOf('m'), files: [fileOf('w', bytes)] }, ['acme/x'])
const client = await connectStore(join(folder, 'busy.sock'))
const models = await Promise.all([1, 2, 3].map(() => client.open('acme/x')))

console.log(`open ${models.length}`)
if (how !== 'natural') {
  const other = bytesOf(4 << 20, 2)
  const running = store.beginFill(specOf(other), { memory: true, disk: true })
  for (const [index, chunk] of chunksOf(other, 64 * 1024).entries()) void running.putChunk(index, chunk)
  void client.open('acme/unknown').catch(() => {})
  void store.read(spec.id, 0, bytes.length)
}
if (how === 'exit') process.exit(7)
if (how === 'throw') throw new Error('on purpose')
process.exitCode = 7
