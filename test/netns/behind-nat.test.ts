/** Nodes that nobody can connect to: their router lets out what they open, and nothing in. Weights move both ways all the same. */
import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { LabCluster } from '../../bench/lab/lab-cluster.ts'
import { callerAddress, type LabHost, labObstacle, NetworkLab } from '../../bench/lab/network-lab.ts'
import {
  openEverywhere,
  plainNodes,
  site,
  untilHolders,
  wideBytesPerS,
  withOrigin,
} from '../../bench/swarm/swarm-lab.ts'

const obstacle = labObstacle() ?? nftObstacle()
if (obstacle !== null) console.log(`Tests of nodes behind NAT are skipped: ${obstacle}.`)

const name = 'nat/weights'
const sizeBytes = 20_000_000

function nftObstacle(): string | null {
  try {
    execFileSync('nft', ['--version'], { stdio: 'ignore' })
    return null
  } catch {
    return 'nft is not installed'
  }
}

/**
 * What the host opens leaves it from another address, as through a router, and what others open to it is dropped without a word. The test
 * itself stands on the inside.
 */
async function putBehindNat({ enter, address }: LabHost): Promise<void> {
  const outside = address.replace(/\d+$/, (last) => String(100 + Number(last)))
  const rules = `
    table ip nat_test {
      chain out { type nat hook postrouting priority 100; ip daddr != ${callerAddress} snat to ${outside}; }
      chain in { type filter hook input priority 0; iif lo accept; ct state established,related accept; ip saddr ${callerAddress} accept; ip protocol tcp drop; }
    }`
  for (const words of [
    ['ip', 'address', 'add', `${outside}/24`, 'dev', 'eth0'],
    ['nft', rules],
  ]) {
    const [command, ...rest] = [...enter, ...words]
    await promisify(execFile)(command!, rest)
  }
}

/** Whether a program on the host reaches the bulk engine of another within a second. */
async function connects({ enter }: LabHost, address: string): Promise<boolean> {
  const code = `const s = require('net').connect({ port: 9001, host: '${address}' }); s.on('connect', () => process.exit(0))
    s.on('error', () => process.exit(1)); setTimeout(() => process.exit(1), 1000)`
  const [command, ...rest] = [...enter, process.execPath, '-e', code]
  return promisify(execFile)(command!, rest).then(
    () => true,
    () => false,
  )
}

describe.skipIf(obstacle !== null)('a node behind NAT', () => {
  let lab: NetworkLab | undefined
  let cluster: LabCluster | undefined
  afterEach(async () => {
    await cluster?.dispose()
    await lab?.dispose()
  })

  it.each([
    { holder: 'hidden', asker: 'open' },
    { holder: 'open', asker: 'hidden' },
  ])('moves weights from the $holder node to the $asker one', async ({ holder, asker }) => {
    lab = await NetworkLab.create(
      withOrigin([site('shop', ['hidden'], wideBytesPerS), site('centre', ['open'], wideBytesPerS)], null),
    )
    await putBehindNat(lab.host('hidden'))
    const hidden = lab.host('hidden').address
    const nodes = [...plainNodes(['open'], 'centre', sizeBytes), ...plainNodes(['hidden'], 'shop', sizeBytes)]
    cluster = await LabCluster.start(lab, { nodes, models: [], weights: [{ name, sizeBytes }] })
    expect(await connects(lab.host('open'), hidden), 'nobody outside can connect to it').toBe(false)
    expect(await connects(lab.host('hidden'), hidden), 'it listens').toBe(true)
    const nodeOf = (host: string) => cluster!.nodes.filter((node) => node.name === host)
    await openEverywhere(cluster, nodeOf(holder), name)
    await untilHolders(nodeOf(asker)[0]!, 1, sizeBytes)
    await cluster.removeObjects()
    const { originBytes } = await openEverywhere(cluster, nodeOf(asker), name)
    expect(originBytes).toBeLessThan(sizeBytes / 10)
  })
})
