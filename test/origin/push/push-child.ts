/** A process that pushes a folder and tells every step of progress on stdout, so that its parent can kill it anywhere. */
import { generateKeyPairSync } from 'node:crypto'
import { keepAlive, systemClock } from '../../../node/system/index.ts'
import { openOrigin, push } from '../../../origin/index.ts'

const [source, name, url] = process.argv.slice(2)
const pushing = push({
  source: source!,
  name: name!,
  origin: openOrigin(url!, { clock: systemClock, create: true }),
  publisherKey: generateKeyPairSync('ed25519').privateKey,
  pack: { packBytesMax: 256 * 1024, uploadsConcurrent: 2 },
  checkpointBytes: 1024 * 1024,
  onProgress: ({ doneBytes }) => process.stdout.write(`${doneBytes}\n`),
})
await keepAlive(pushing)
