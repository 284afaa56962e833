/** The commands of the cluster simulator as processes, on a scenario of three nodes and thirty seconds. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { holdfast } from '../support/holdfast-command.ts'
import { SimulatorWorld } from './simulator-world.ts'

let world: SimulatorWorld
let scenario: string
beforeAll(async () => {
  world = await SimulatorWorld.create()
  scenario = world.scenario
})
afterAll(() => world.remove())

const sim = (...args: string[]) => holdfast(['sim', ...args])
const out = (name: string) => join(world.folder, name)

describe('holdfast sim run', () => {
  it('writes the same report each time, whole, and says where', async () => {
    const runs = await Promise.all(
      ['one', 'two'].map((name) =>
        sim('run', scenario, '--seed', '7', '--set', 'policy.eviction=lru', '--out', out(name)),
      ),
    )
    expect(runs.map(({ code, stderr }) => ({ code, seed: stderr.split('\n')[0] }))).toEqual([
      { code: 0, seed: 'seed 7' },
      { code: 0, seed: 'seed 7' },
    ])
    expect(runs[0]!.stdout).toMatch(/^tiny, seed 7\nmean load delay\t\S+ m?s\n/)
    expect(runs[0]!.stdout).toContain(`report: ${join(out('one'), 'report.html')}\n`)
    const files = await readdir(out('one'), { recursive: true })
    expect(files.sort()).toEqual([
      'models',
      'models/deciles.csv',
      'nodes.csv',
      'report.html',
      'result.json',
      'timeline.csv',
    ])
    const [one, two] = await Promise.all(['one', 'two'].map((name) => readFile(join(out(name), 'result.json'), 'utf8')))
    expect(one).toBe(two)
    const page = await readFile(join(out('one'), 'report.html'), 'utf8')
    expect(page).toContain(`holdfast sim run ${scenario} --seed 7 --set policy.eviction=lru</pre>`)
  })

  it('prints exactly one JSON object, and takes a trace of your own', async () => {
    const trace = join(world.folder, 'trace.csv')
    await writeFile(trace, 'id,seconds,model,node\n0,1,a,london-0\n1,9,a,tokyo-0\n2,19,a,tokyo-0\n')
    const { code, stdout, stderr } = await sim('run', scenario, '--requests', trace, '--json', '--out', out('json'))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { totals, seed, findings, report } = JSON.parse(stdout)
    expect({ requestCount: totals.requestCount, seed, findings, report }).toEqual({
      requestCount: 3,
      seed: 1,
      findings: [],
      report: join(out('json'), 'report.html'),
    })
  })

  it.each([
    { args: ['--set', 'node.memory=3'], says: 'node.memory is not known' },
    { args: ['--set', 'node.memoryBytes=0'], says: 'node.memoryBytes has to be' },
    { args: ['--seed', 'x'], says: '--seed is x' },
    { args: ['--requests', '/nowhere'], says: 'BAD_TRACE' },
  ])('refuses $args and writes nothing', async ({ args, says }) => {
    const { code, stdout, stderr } = await sim('run', scenario, ...args, '--out', out('never'))
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(says)
    expect(await readdir(world.folder)).not.toContain('never')
  })

  it('says what is wrong with a file', async () => {
    expect((await sim('run', join(world.folder, 'none.yaml'))).stderr).toContain('is not there; `holdfast sim init`')
    const broken = join(world.folder, 'broken.yaml')
    await writeFile(broken, 'a: [')
    expect((await sim('run', broken)).stderr).toContain('is not YAML')
  })

  it('ends with 1, the findings and the command that repeats them when a checker finds something', async () => {
    // The last request comes a moment before the end, and there is no time left to answer it.
    const trace = join(world.folder, 'late.csv')
    await writeFile(trace, 'id,seconds,model\n0,29.999,a\n')
    const args = ['run', scenario, '--requests', trace, '--set', 'checks.settleS=0', '--out', out('late')]
    const { code, stderr } = await sim(...args)
    expect(code).toBe(1)
    expect(stderr).toContain('requests were never answered')
    expect(stderr).toContain(
      `replay with: holdfast sim run ${scenario} --seed 1 --set checks.settleS=0 --requests ${trace}`,
    )
    expect(await readFile(join(out('late'), 'report.html'), 'utf8')).toContain('cannot be believed')
  })
})

describe('holdfast sim compare', () => {
  it('sets policies side by side, on any number of threads the same', async () => {
    const args = ['compare', scenario, '--policies', 'lru,holdfast', '--blind', '--seeds', '2', '--json']
    const [one, two] = await Promise.all(['1', '2'].map((jobs) => sim(...args, '--jobs', jobs, '--out', out(jobs))))
    expect({ code: one!.code, stderr: one!.stderr }).toEqual({ code: 0, stderr: '' })
    const files = await Promise.all(['1', '2'].map((jobs) => readFile(join(out(jobs), 'compare.html'), 'utf8')))
    expect(files[0]).toBe(files[1])
    expect(JSON.parse(two!.stdout).contenders).toEqual(JSON.parse(one!.stdout).contenders)
    const { contenders, seeds } = JSON.parse(one!.stdout)
    expect(seeds).toEqual([1, 2])
    expect(contenders.map(({ name }: { name: string }) => name)).toEqual([
      'lru',
      'holdfast',
      'holdfast, blind to peers',
    ])
    expect(contenders[0].figures.meanLoadDelayMs.ratio).toBe(1)
    expect((await readdir(out('1'))).sort()).toEqual(['compare.csv', 'compare.html', 'compare.json'])
  })

  it('needs something to compare with', async () => {
    expect((await sim('compare', scenario)).stderr).toContain('There is nothing to compare with')
  })
})

it('holdfast sim init writes a scenario that is read, and overwrites nothing', async () => {
  const file = join(world.folder, 'scenario.yaml')
  expect(await sim('init', file)).toMatchObject({ code: 0, stderr: '' })
  const { parse } = await import('yaml')
  const { parseScenario } = await import('../../sim/scenario/scenario.ts')
  expect(parseScenario(parse(await readFile(file, 'utf8'))).name).toBe('six cities')
  expect(await sim('init', file)).toMatchObject({ code: 1, stderr: expect.stringContaining('is there already') })
})
