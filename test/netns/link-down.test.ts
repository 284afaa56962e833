/** The line of a node goes down in the middle of a fetch, and comes up again. */
import { afterEach, describe, expect, it } from 'vitest'
import { LabCluster } from '../../bench/lab/lab-cluster.ts'
import { labObstacle, NetworkLab } from '../../bench/lab/network-lab.ts'
import { openEverywhere, plainNodes, site, untilHolders, withOrigin } from '../../bench/swarm/swarm-lab.ts'
import { open } from '../../clients/node/index.ts'

const name = 'link/weights'
const sizeBytes = 48_000_000
const lineBytesPerS = 6_000_000
const awayMs = 3_000

describe.skipIf(labObstacle() !== null)('a line that goes down in the middle of a fetch', () => {
  let lab: NetworkLab | undefined
  let cluster: LabCluster | undefined
  afterEach(async () => {
    await cluster?.dispose()
    await lab?.dispose()
  })

  it.each(['asker', 'holder'])('of the %s, and comes up again: who opened the model gets it', async (cutHost) => {
    lab = await NetworkLab.create(withOrigin([site('shop', ['holder', 'asker'], lineBytesPerS)], lineBytesPerS))
    const nodes = plainNodes(['holder', 'asker'], 'shop', sizeBytes)
    cluster = await LabCluster.start(lab, { nodes, models: [], weights: [{ name, sizeBytes }] })
    const [holder, asker] = ['holder', 'asker'].map((host) => cluster!.nodes.find((node) => node.name === host)!)
    await openEverywhere(cluster, [holder!], name)
    await untilHolders(asker!, 1, sizeBytes)
    // Of a model that arrives the client sees the first bytes early.
    using model = await open(name, { socketPath: asker!.socketPath, arriving: true })
    const path = model.files[0]!.path
    await model.waitRange(path, 0, 1)
    await lab.cut(cutHost)
    await new Promise((resolve) => setTimeout(resolve, awayMs))
    await lab.mend(cutHost)
    expect(await model.waitRange(path, 0, sizeBytes)).toHaveLength(sizeBytes)
  })
})
