/** The nodes to join: reachable, and of the same cluster. Dials them under a throw-away identity. */
import { isHoldfastError } from '../../common/index.ts'
import { loadClusterKeys } from '../../node/net/index.ts'
import { systemClock } from '../../node/system/index.ts'
import { type BoxPatient, fail, ok, type Verdict, warn } from './types.ts'

const dialTimeoutMs = 5_000

export async function checkPeers({ options, paths }: BoxPatient): Promise<Verdict | Verdict[]> {
  const addresses = options['cluster.bootstrap']
  if (addresses.length === 0) {
    return options['cluster.mdns']
      ? ok('no node to join is configured; they are looked for by mDNS')
      : ok('no node to join is configured: this is the first one, or alone')
  }
  if (options['cluster.key'] === '' && options['cluster.keyFile'] === '') {
    return fail(
      'there are nodes to join and no cluster key',
      'Copy cluster.key from one of them and set cluster.keyFile.',
    )
  }
  const { ClusterKeyring, createLibp2pNetwork, Identity } = await import('../../node/net/index.ts')
  const clusterKey = new ClusterKeyring(await loadClusterKeys(options, paths.dataPath))
  const network = await createLibp2pNetwork({ identity: await Identity.generate(), clusterKey, clock: systemClock })
  await network.start({ onPeerUp() {}, onPeerDown() {}, onRefused() {}, isMember: () => false, onMessage: () => true })
  try {
    const dials = addresses.map(async (address) => {
      try {
        await network.dial(address, { signal: AbortSignal.timeout(dialTimeoutMs) })
        return { address, error: null }
      } catch (error) {
        return { address, error }
      }
    })
    return judgeDials(await Promise.all(dials))
  } finally {
    await network.stop()
  }
}

/** One that is down is what the others are for; none is a failure. A wrong key is one at once. */
export function judgeDials(dials: readonly { readonly address: string; readonly error: unknown }[]): Verdict[] {
  const isAlone = dials.every(({ error }) => error !== null)
  return dials.map(({ address, error }) => {
    if (error === null) return ok(`${address} is reachable and holds the same key`)
    if (isHoldfastError(error, 'WRONG_CLUSTER_KEY')) {
      return fail(
        `${address} holds another cluster key`,
        'Copy cluster.key from that box, or correct cluster.bootstrap.',
      )
    }
    const message = `${address} was not reached: ${(error as Error).message}`
    const action = 'Check that the node runs, and that no firewall stands between.'
    return isAlone ? fail(message, action) : warn(message, action)
  })
}
