/** The commands that run the cluster simulator many times, as processes. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SimulatorWorld } from '../../cli/simulator-world.ts'
import { holdfast } from '../../support/holdfast-command.ts'

let world: SimulatorWorld
let scenario: string
beforeAll(async () => {
  world = await SimulatorWorld.create()
  scenario = world.scenario
})
afterAll(() => world.remove())

const sim = (...args: string[]) => holdfast(['sim', ...args])
const out = (name: string) => join(world.folder, name)

it('holdfast sim sweep runs all combinations, in their order', async () => {
  const args = ['--memory', '0.5,1', '--nodes', '2,3', '--out', out('sweep')]
  const { code, stdout } = await sim('sweep', scenario, ...args)
  expect(code).toBe(0)
  const rows = stdout.split('\n').slice(0, 4)
  expect(rows.map((row) => row.split('\t').slice(0, 3).join(' '))).toEqual([
    '×0.5 holdfast 2',
    '×1 holdfast 2',
    '×0.5 holdfast 3',
    '×1 holdfast 3',
  ])
  expect((await readdir(out('sweep'))).sort()).toEqual(['sweep.csv', 'sweep.html', 'sweep.json'])
})

describe('holdfast sim capacity', () => {
  it('prints the answer and the runs behind it', async () => {
    const args = ['--target', 'failedCount<=0', '--vary', 'nodes', '--max', '4', '--json', '--out', out('capacity')]
    const { code, stdout } = await sim('capacity', scenario, ...args)
    expect(code).toBe(0)
    const { answer, runs } = JSON.parse(stdout)
    expect({ answer, sizes: runs.map(({ size }: { size: number }) => size) }).toEqual({ answer: 2, sizes: [2, 3, 4] })
    expect((await readdir(out('capacity'))).sort()).toEqual(['capacity.csv', 'capacity.html', 'capacity.json'])
  })

  it('says so when a target cannot be met, with the best found', async () => {
    const args = ['--target', 'hitPercent>=100.5', '--min', '1', '--max', '1', '--out', out('unmet')]
    const { code, stderr } = await sim('capacity', scenario, ...args)
    expect(code).toBe(1)
    expect(stderr).toMatch(/Not even 60 MB of memory in each node meets .*; the best found is \S+ % with 60 MB/)
  })
})
