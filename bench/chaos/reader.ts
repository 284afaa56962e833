/**
 * A program that reads: `reader.ts SOCKET NAME...` opens the models one after the other, each over a connection of its own, and prints a line
 * for each: the name, and the sha256 of the mapped bytes or the code of the failure. Until it is killed.
 */
import { createHash } from 'node:crypto'
import { connect } from '../../clients/node/index.ts'
import { isHoldfastError } from '../../common/index.ts'

const [socketPath, ...names] = process.argv.slice(2)
const pauseMs = 200
const deadlineMs = 10_000

for (let turn = 0; ; turn += 1) {
  const name = names[turn % names.length]!
  console.log(`${name} ${await read(name)}`)
  await new Promise((resolve) => setTimeout(resolve, pauseMs))
}

async function read(name: string): Promise<string> {
  try {
    const client = await connect(socketPath!)
    try {
      using model = await client.open(name, { deadlineMs })
      return createHash('sha256').update(model.files[0]!.bytes).digest('hex')
    } finally {
      client.close()
    }
  } catch (error) {
    return isHoldfastError(error) ? error.code : 'SYSTEM'
  }
}
