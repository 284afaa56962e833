/** Faults of all kinds against nodes under load, in network namespaces (as root, with iproute2 and a C compiler). */
import { playChaos } from './chaos/play-chaos.ts'
import { labObstacle, otherLab } from './lab/network-lab.ts'
import type { Bench } from './types.ts'

const fullSeconds = 600
const tinySeconds = 16

export const chaosBench: Bench = async ({ tiny, seconds, seed = 1, say }) => {
  const obstacle = labObstacle() ?? otherLab()
  if (obstacle !== null) {
    say(`Chaos is left out: ${obstacle}.`)
    return []
  }
  const length = seconds ?? (tiny ? tinySeconds : fullSeconds)
  say(`seed ${seed}, ${length} s`)
  const result = await playChaos({ seed, seconds: length }, say)
  for (const failure of result.failedWithSource) say(`failed with a source: ${failure}`)
  for (const left of result.leftBehind) say(`left behind: ${left}`)
  const { requestCount, faultCount } = result
  const hasOriginFaults = Number.isFinite(result.originAwayAddedP99Ms)
  if (!hasOriginFaults)
    say('origin_away_added_p99_ms is left out: memory answered no request while the origin was away.')
  const row = (id: string, value: number, unit: string, n: number, note: string) => ({ id, value, unit, n, note })
  return [
    row('wrong_answers', result.wrongAnswers, 'answers', requestCount, `seed ${seed}; readers' too; goal 0`),
    row('failed_with_source', result.failedWithSource.length, 'requests', requestCount, 'goal 0'),
    row('recovery_p99_s', result.recoveryP99S, 's', faultCount, 'from the end of a fault until all are served; goal 3'),
    ...(hasOriginFaults
      ? [row('origin_away_added_p99_ms', result.originAwayAddedP99Ms, 'ms', requestCount, 'memory answers; goal 50')]
      : []),
    row('limits_exceeded', result.limitsExceeded, 'looks', requestCount, 'a tier above its limit; goal 0'),
    row(
      'left_behind',
      result.leftBehind.length,
      'things',
      requestCount,
      'memory, descriptors, processes, files; goal 0',
    ),
  ]
}
