/** The search of `holdfast sim capacity`: a grid of sizes, a run per size and seed, and the answer in words. */
import { HoldfastError } from '../../common/index.ts'
import type { RunResult, Scenario } from '../../sim/index.ts'
import { type CapacityRun, figure, formatSize, summaryOf } from '../../sim/report/index.ts'
import { searchCapacity } from './capacity-search.ts'
import { nodeCountOf, nodeSteps, parseMemory, withMemory, withNodes } from './cluster-size.ts'
import { InputReader } from './read-inputs.ts'
import type { GivenScenario } from './read-scenario.ts'
import { runSeeds, type SeedFlags, seedCountOf } from './run-seeds.ts'
import { wholeNumber } from './set-values.ts'
import { meets, type Target } from './target.ts'

export interface CapacityRange extends SeedFlags {
  readonly vary: 'memory' | 'nodes'
  readonly min?: string
  readonly max?: string
}

export interface CapacityAnswer {
  /** Bytes of a node's memory or nodes; null when none suffices. */
  readonly answer: number | null
  readonly answerText: string
  readonly notes: readonly string[]
  readonly runs: readonly CapacityRun[]
  readonly seedCount: number
}

/** Finer than what memory is sold in. */
const memoryStep = 1.02

interface Grid {
  /** Rising; bytes of memory or nodes. */
  readonly sizes: readonly number[]
  readonly at: (size: number) => Scenario
}

export async function findCapacity(
  { file, scenario }: GivenScenario,
  target: Target,
  range: CapacityRange,
): Promise<CapacityAnswer> {
  const { sizes, at } = range.vary === 'memory' ? memoryGrid(scenario, range) : nodeGrid(scenario, range)
  const inputs = new InputReader()
  const answer = await searchCapacity({
    placeCount: sizes.length,
    async measure(places) {
      const variants = places.map((place) => ({ file, scenario: at(sizes[place]!) }))
      const results = await runSeeds({ title: 'sim capacity', variants, inputs }, range)
      return places.map((place, index) => ({ place, ...judged(results[index]!, target) }))
    },
  })
  const runs = answer.measured.map(({ place, value, isMet }) => ({ size: sizes[place]!, value, isMet }))
  const said = (size: number) => formatSize(range.vary, size)
  const of = range.vary === 'memory' ? ' of memory in each node' : ''
  const { format, better } = figure(target.figure)
  const common = { runs, seedCount: seedCountOf(range) }
  if (answer.place === null) {
    const best = runs.reduce((left, right) =>
      (better === 'lower' ? left.value <= right.value : left.value >= right.value) ? left : right,
    )
    const answerText = `Not even ${said(sizes.at(-1)!)}${of} meets ${target.text}; the best found is ${format(best.value)} with ${said(best.size)}.`
    return { answer: null, answerText, notes: [], ...common }
  }
  const size = sizes[answer.place]!
  return {
    answer: size,
    answerText: `${said(size)}${of} meets ${target.text}.`,
    notes: [
      ...(answer.place === 0 ? ['It is the least that was looked at: a smaller --min may do as well.'] : []),
      ...(answer.metBelow.length === 0
        ? []
        : [
            `Not monotone: ${answer.metBelow.map((place) => said(sizes[place]!)).join(', ')} met it too, but more did not. More --seeds would tell chance from effect.`,
          ]),
    ],
    ...common,
  }
}

/** A model that fits nowhere would make every other figure look good; a run with findings says nothing, and what is too small is no answer. */
function judged(results: readonly RunResult[], target: Target): { value: number; isMet: boolean } {
  const value = summaryOf(results)[target.figure].mean
  const isSound = results.every(
    ({ totals, findings, overloads }) =>
      totals.failedBy['too-large'] === 0 && findings.length === 0 && overloads.length === 0,
  )
  return { value, isMet: isSound && meets(target, value) }
}

function memoryGrid(scenario: Scenario, { min = '0.125', max = '8' }: CapacityRange): Grid {
  const own = scenario.node.memoryBytes
  const bytesOf = (option: string, text: string) => {
    const size = parseMemory(option, text)
    return 'bytes' in size ? size.bytes : own * size.factor
  }
  const [least, greatest] = [bytesOf('--min', min), bytesOf('--max', max)]
  if (least > greatest) throw emptyRange(min, max)
  const steps = Math.max(1, Math.ceil(Math.log(greatest / least) / Math.log(memoryStep)))
  const sizes = Array.from({ length: steps + 1 }, (_, step) => Math.round(least * (greatest / least) ** (step / steps)))
  // Nodes with memory of their own grow with the others.
  return { sizes: [...new Set(sizes)], at: (bytes) => withMemory(scenario, { factor: bytes / own }) }
}

function nodeGrid(scenario: Scenario, { min, max }: CapacityRange): Grid {
  const { least, step } = nodeSteps(scenario)
  const from = min === undefined ? least : Math.max(least, wholeNumber('--min', min, 1))
  const to = max === undefined ? 4 * nodeCountOf(scenario) : wholeNumber('--max', max, 1)
  const first = Math.ceil(from / step)
  const count = Math.floor(to / step) - first + 1
  if (count < 1) throw emptyRange(String(from), String(to))
  const sizes = Array.from({ length: count }, (_, index) => (first + index) * step)
  return { sizes, at: (nodeCount) => withNodes(scenario, nodeCount) }
}

function emptyRange(least: string, greatest: string): HoldfastError {
  return new HoldfastError('BAD_REQUEST', `Nothing lies from ${least} to ${greatest}: correct --min or --max.`)
}
