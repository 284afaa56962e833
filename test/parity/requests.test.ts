/**
 * One scenario, played by the daemon's parts over a simulated world and by the simulated node: the machines of both have to want the same
 * done in the same moments.
 */
import { expect, test } from 'vitest'
import { parseScenario } from '../../sim/index.ts'
import threeNodes from '../../sim/scenarios/parity/three-nodes.json' with { type: 'json' }
import { play } from './play.ts'

test('daemon and simulator do the same with the same requests', async () => {
  const scenario = parseScenario(threeNodes)
  const [daemon, simulated] = [await play(scenario, true), await play(scenario, false)]
  const at = daemon.findIndex((line, place) => line !== simulated[place])
  const around = (lines: string[]) => lines.slice(Math.max(0, at - 5), at + 1)
  expect(at === -1 ? [] : around(daemon), 'the first difference, and what came before').toEqual(
    at === -1 ? [] : around(simulated),
  )
  expect(simulated.length).toBe(daemon.length)
  // Nothing of what can happen is left out.
  const happened = daemon.join('\n')
  for (const what of [
    'forward ',
    'sent here',
    'from=disk',
    'from=peer',
    'from=origin',
    'from=memory',
    'MEMORY_FULL',
    'DEADLINE_EXCEEDED',
  ]) {
    expect(happened, 'the scenario has become too tame').toContain(what)
  }
})
