import { describe, expect, it } from 'vitest'
import { Cluster } from '../../../sim/cluster.ts'
import { parseScenario, withValues } from '../../../sim/scenario/scenario.ts'
import gossip100 from '../../../sim/scenarios/scale/gossip-100.json' with { type: 'json' }
import { EventLog } from '../../../sim/world/event-log.ts'

describe('Forming', () => {
  it('leaves fifty nodes as they are when each is told each entry', () => {
    const sites = { 'drawnSites.count': 10, 'drawnSites.nodesPerSite': 5, 'drawnSites.zoneCount': 2 }
    const over = {
      warmupS: 5,
      durationS: 15,
      'requests.ratePerS': 50,
      'models.preloadPercent': 50,
      'gossip.formed': true,
    }
    const scenario = withValues(parseScenario(gossip100), { ...sites, ...over })
    const run = (log?: EventLog) => {
      const cluster = new Cluster(scenario, log === undefined ? {} : { log })
      cluster.start()
      return [0, 249, 250, 15_000].map((atMs) => {
        cluster.runUntil(atMs)
        return cluster.nodes.map(({ core, models }) => {
          core.checkInvariants()
          return { members: core.members(atMs), summary: core.ledgerSummary(), ready: [...models.ready.keys()] }
        })
      })
    }
    const applied = run()
    expect(applied[0]![0]!.summary.length).toBeGreaterThanOrEqual(50)
    // A log tells who joined, so that there each entry is delivered.
    expect(applied).toEqual(run(new EventLog()))
  })
})
