/** Writes every kind of record and secret, and says after each that it is done. `crash-child.ts FOLDER` */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { loadIdentity } from '../../../node/net/index.ts'
import { loadClusterKeys } from '../../../node/net/load-cluster-key.ts'
import { openLevelState } from '../../../node/state/index.ts'

const [folder = ''] = process.argv.slice(2)
// Through the descriptor: a line that was said has left the process before the next write begins.
const say = (line: string) => writeSync(1, `${line}\n`)

const state = await openLevelState(join(folder, 'state'))
await state.put('a', { value: 1 })
say('put-a1')
await state.put('a', { value: 2 })
say('put-a2')
await state.put('b', { value: 'x'.repeat(100_000) })
say('put-b')
await state.delete('a')
say('deleted-a')
await state.close()
say(`identity ${(await loadIdentity(folder)).node}`)
say(`key ${(await loadClusterKeys({ 'cluster.key': '', 'cluster.keyFile': '' }, folder))[0]!.text()}`)
