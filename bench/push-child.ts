/** A push in a process of its own, to be killed: prints the bytes done, a line each time. Arguments: source, name, origin. */

import { keepAlive, systemClock } from '../node/system/index.ts'
import { loadPublisherKey, openOrigin, push } from '../origin/index.ts'

const [source, name, url] = process.argv.slice(2) as [string, string, string]
let printedBytes = -1
const pushing = push({
  source,
  name,
  origin: openOrigin(url, { clock: systemClock, create: true }),
  publisherKey: await loadPublisherKey(),
  onProgress: ({ doneBytes }) => {
    if (doneBytes !== printedBytes) process.stdout.write(`${doneBytes}\n`)
    printedBytes = doneBytes
  },
})
await keepAlive(pushing)
