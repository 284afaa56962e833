/** Asks the nodes to join whether the identity of this node is in use already, under a throw-away identity. */
import { type NodeId, TimeLimit } from '../../common/index.ts'
import { type ClusterKeyring, createLibp2pNetwork, Identity } from '../net/index.ts'
import type { Clock } from '../system/index.ts'
import { askIdentity, defaultIdentityQuestionOptions, type IdentityQuestionOptions } from './identity-watch.ts'

export interface IdentityProbePorts {
  readonly clusterKey: ClusterKeyring
  readonly clock: Clock
}

/** False as well when nobody can be reached: then there is nobody to disturb. `addresses`: cluster.bootstrap. */
export async function isIdentityInUse(
  { clusterKey, clock }: IdentityProbePorts,
  node: NodeId,
  addresses: readonly string[],
  { askMs }: IdentityQuestionOptions = defaultIdentityQuestionOptions,
): Promise<boolean> {
  if (addresses.length === 0) return false
  const network = await createLibp2pNetwork({ identity: await Identity.generate(), clusterKey, clock })
  await network.start({ onPeerUp() {}, onPeerDown() {}, onRefused() {}, isMember: () => false, onMessage: () => true })
  try {
    const answers = addresses.map(async (address) => {
      // The node that is asked may have to ask the other one.
      using limit = new TimeLimit(clock, 2 * askMs)
      const { signal } = limit
      const asked = await network.dial(address, { signal }).catch(() => null)
      return asked !== null && (await askIdentity(network, asked, node, signal))
    })
    return (await Promise.all(answers)).includes(true)
  } finally {
    await network.stop()
  }
}
