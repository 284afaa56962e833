/**
 * Every parser of the TypeScript part that a stranger or a member reaches, over inputs that are nearly right: each is a value that comes
 * back as it was, or a typed error, in bounded time and memory. .ci/fuzz.sh runs more of them; a night of it:
 *
 *   HOLDFAST_FUZZ_INPUTS=10000000 HOLDFAST_FUZZ_MS=100000000 npx vitest run --project fuzz
 */
import { performance } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { httpTargets } from './http-targets.ts'
import { netTargets } from './net-targets.ts'
import { originTargets } from './origin-targets.ts'
import { fuzz } from './target.ts'

const seed = Number(process.env.HOLDFAST_FUZZ_SEED ?? 1)
const inputs = Number(process.env.HOLDFAST_FUZZ_INPUTS ?? 2_000)
/** Of one parser; however few inputs that are on a busy machine. */
const limitMs = Number(process.env.HOLDFAST_FUZZ_MS ?? 10_000)
const slackMs = 300_000
const targets = [...(await netTargets()), ...originTargets(), ...httpTargets()]

test.each(targets)('$name: a value that comes back, or a typed error', { timeout: limitMs + slackMs }, (target) => {
  const counts = fuzz(target, seed, inputs, performance.now() + limitMs)
  console.log(`${target.name}: ${counts.inputs} inputs, ${counts.accepted} accepted`)
  // A mutator that nothing survives, or everything, tests nothing.
  expect(counts.accepted).toBeLessThan(counts.inputs)
  expect(Object.prototype).not.toHaveProperty('polluted')
})
