/** Options are refused where a bench has no such part, no sizes to scale, or no length; nothing runs then. */
import { expect, it } from 'vitest'
import { runBench } from '../../bench/index.ts'

const run = (name: string, options: object) => runBench(name, { json: true, tiny: true, ...options })

it.each([
  { name: 'bulk', options: { only: ['pull', 'nope'] }, says: 'pull, origin, small, far, memory' },
  { name: 'smoke', options: { only: ['pull'] }, says: 'it has none' },
  { name: 'smoke', options: { scale: 2 }, says: 'fixed' },
  { name: 'swarm', options: { scale: Number.NaN }, says: 'above 0' },
  { name: 'swarm', options: { scale: 0 }, says: 'above 0' },
  { name: 'swarm', options: { scale: 101 }, says: 'at most 100' },
  { name: 'smoke', options: { seconds: 10 }, says: 'neither --seconds nor --seed' },
  { name: 'swarm', options: { seed: 1 }, says: 'neither --seconds nor --seed' },
  { name: 'chaos', options: { seconds: 3 }, says: 'from 4 to 86400' },
  { name: 'chaos', options: { seconds: Number.NaN }, says: 'from 4 to 86400' },
  { name: 'chaos', options: { seed: -1 }, says: 'whole number from 0' },
  { name: 'hostile', options: { only: ['nope'] }, says: 'silent-bulk' },
])('refuses $options of $name', async ({ name, options, says }) => {
  await expect(run(name, options)).rejects.toMatchObject({
    code: 'BAD_REQUEST',
    message: expect.stringContaining(says),
  })
})
