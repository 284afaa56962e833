/**
 * A client process: opens the model, prints what /proc/self/smaps says about its memory, and holds it until told what to do.
 *   hold-model.ts SOCKET NAME
 * Standard input: `sum` prints the sha256 of each file, `exit` ends with the model open.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { open } from '../../../clients/node/index.ts'

const [socketPath = '', name = ''] = process.argv.slice(2)
const model = await open(name, { socketPath })

const sums = () => model.files.map(({ bytes }) => createHash('sha256').update(bytes).digest('hex'))

/** Adds up one field over all mappings of segments. */
function mappedKiB(field: string): number {
  const blocks = readFileSync('/proc/self/smaps', 'utf8').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/)
  const segments = blocks.filter((block) => block.includes('memfd:holdfast'))
  return segments.reduce(
    (sum, block) => sum + Number(new RegExp(`^${field}: +(\\d+) kB`, 'm').exec(block)?.[1] ?? 0),
    0,
  )
}

console.log(JSON.stringify({ pid: process.pid, digest: model.digest, sums: sums() }))
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'exit') process.exit(0)
  if (line === 'end') break
  const fields = ['Size', 'Rss', 'Shared_Clean', 'Shared_Dirty', 'Private_Clean', 'Private_Dirty']
  console.log(JSON.stringify({ sums: sums(), ...Object.fromEntries(fields.map((field) => [field, mappedKiB(field)])) }))
}
