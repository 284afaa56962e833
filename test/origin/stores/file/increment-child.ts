/** A process that adds 1 to the object `counter` of a folder store, so many times, by compare-and-swap. */

import { keepAlive, systemClock } from '../../../../node/system/index.ts'
import { FileStore } from '../../../../origin/stores/file/file-store.ts'

const [folder, times] = process.argv.slice(2)
const store = new FileStore(folder!, { clock: systemClock })
await keepAlive(increment())

async function increment(): Promise<void> {
  for (let i = 0; i < Number(times); ) {
    const current = (await store.get('counter', { sizeBytesMax: 100 }))!
    const next = Buffer.from(String(Number(Buffer.from(current.bytes).toString()) + 1))
    if (await store.put('counter', [next], { ifMatch: current.version })) i++
  }
}
