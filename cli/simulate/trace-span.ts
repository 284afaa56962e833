/** Whether a trace and the time that a scenario simulates fit each other: what lies outside is not run, or not measured. */
import type { Scenario } from '../../sim/index.ts'
import { badTrace, type Trace } from '../../sim/traces/index.ts'

/** BAD_TRACE when no request would be measured. Else what a person should know, or null. */
export function checkTraceSpan(
  file: string,
  { timesMs }: Pick<Trace, 'timesMs'>,
  { durationS, warmupS }: Pick<Scenario, 'durationS' | 'warmupS'>,
): string | null {
  const lastS = Math.ceil(timesMs.at(-1)! / 1_000)
  const left = timesMs.filter((timeMs) => timeMs > durationS * 1_000).length
  if (!timesMs.some((timeMs) => timeMs >= warmupS * 1_000 && timeMs <= durationS * 1_000)) {
    throw badTrace(
      file,
      `none of its ${timesMs.length} requests lies between warmupS: ${warmupS} and durationS: ${durationS}, so that nothing would be ` +
        `measured; the last comes after ${lastS} s. Give other times, as with --set warmupS=0 --set durationS=${lastS}.`,
    )
  }
  if (left === 0) return null
  return (
    `${left} of the ${timesMs.length} requests in ${file} come after durationS: ${durationS} and are left out; ` +
    `--set durationS=${lastS} runs them all.`
  )
}
