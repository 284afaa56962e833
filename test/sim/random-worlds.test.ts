/**
 * Many small worlds with every kind of fault, each drawn from its seed, and the scenarios that came of those that once failed. What
 * a checker finds is printed with how to see it again.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseScenario, type RunResult, runScenario } from '../../sim/index.ts'
import { randomScenario } from '../../sim/scenario/random-scenario.ts'

const { SEED } = process.env
const seeds = SEED === undefined ? Array.from({ length: 40 }, (_, at) => at + 1) : [Number(SEED)]
const found = new URL('../../sim/scenarios/found/', import.meta.url)

const problems = ({ findings, seed }: RunResult, command: string): string[] =>
  findings.map(({ atS, checker, problem }) => `seed ${seed}, ${atS} s, ${checker}: ${problem}; replay with: ${command}`)

test.each(seeds)('nothing is wrong in the random world of seed %i', (seed) => {
  const result = runScenario(randomScenario(seed))
  expect(problems(result, `SEED=${seed} npx vitest run test/sim/random-worlds.test.ts`)).toEqual([])
})

describe('a bug that was found once is not there any more:', () => {
  test.each(readdirSync(found))('%s', (name) => {
    const scenario = parseScenario(JSON.parse(readFileSync(new URL(name, found), 'utf8')))
    const result = runScenario(scenario)
    expect(problems(result, `npx holdfast sim run sim/scenarios/found/${name} --seed ${scenario.seed}`)).toEqual([])
  })
})

test('one scenario and seed give one result, to the byte; another seed another', () => {
  const bytes = (seed: number) => JSON.stringify(runScenario({ ...randomScenario(8), seed }))
  expect(bytes(8)).toBe(bytes(8))
  expect(bytes(8)).not.toBe(bytes(9))
})
