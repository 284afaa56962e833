/**
 * Scenarios that are played by the daemon's own parts over a simulated world and by the simulated node: the machines of both have to want
 * the same done in the same moments.
 */
import { expect, test } from 'vitest'
import { parseScenario } from '../../sim/index.ts'
import movingTags from '../../sim/scenarios/parity/moving-tags.json' with { type: 'json' }
import threeNodes from '../../sim/scenarios/parity/three-nodes.json' with { type: 'json' }
import { play } from './play.ts'

/** What has to happen in each of them; without it a scenario has become too tame. */
const played = [
  {
    scenario: threeNodes,
    happens: [
      'request forward',
      'decision=null',
      'servedFrom=disk',
      'servedFrom=peer',
      'servedFrom=origin',
      'servedFrom=memory',
      'DEADLINE',
      'MEMORY_FULL',
    ],
  },
  {
    scenario: movingTags,
    happens: [
      'model derive',
      'model promote',
      'model evicted',
      'round bring',
      'replica-missing',
      'place=origin',
      'sequence: 2',
      'begin step=stop',
      'handover ask-take',
      'handover take ',
      'handover tell-names',
      'handover handed-on',
    ],
  },
]

test.each(played)('daemon and simulator do the same in $scenario.name', async ({ scenario: file, happens }) => {
  const scenario = parseScenario(file)
  const [daemon, simulated] = [await play(scenario, true), await play(scenario, false)]
  const at = daemon.findIndex((line, place) => line !== simulated[place])
  const around = (lines: string[]) => (at === -1 ? [] : lines.slice(Math.max(0, at - 5), at + 1))
  expect(around(daemon), 'the first difference, and what came before').toEqual(around(simulated))
  expect(simulated.length).toBe(daemon.length)
  const happened = daemon.join('\n')
  for (const what of happens) expect(happened, 'the scenario has become too tame').toContain(what)
})
