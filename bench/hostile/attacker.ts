/**
 * Runs one attack of the table in a process of its own: `attacker.ts CASE FACTS`, with the facts as JSON. Prints "ready" when the attack is
 * under way, and goes on until it is killed.
 */
import { setPriority } from 'node:os'
import { hostileCases } from './catalog.ts'
import type { AttackFacts } from './types.ts'

// An attacker has a machine of its own: what it computes is not to be missing here.
setPriority(19)

const [name, facts] = process.argv.slice(2)
// What an attacker meets, such as a closed connection, does not end the attack.
process.on('uncaughtException', () => {})
process.on('unhandledRejection', () => {})
setInterval(() => {}, 1_000_000)
await hostileCases.find((one) => one.name === name)!.attack(JSON.parse(facts!) as AttackFacts)
console.log('ready')
