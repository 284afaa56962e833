/**
 * Proves the identity of the other end of a TLS connection. The certificates are made at start and trusted by nobody; instead both sides
 * prove themselves inside the connection:
 *
 *   statement = domain || role || exporter || public key of the node
 *   proof     = {version, node: public key, mac: HMAC-SHA256(bulk key, statement), others: [mac, ...], signature: Ed25519(statement)}
 *
 * The exporter (RFC 8446, 7.5) is a secret of exactly this connection. A man in the middle has two connections with two
 * exporters: neither proof fits the other. A proof that was recorded fits no later connection. The role keeps a proof from being
 * sent back to its maker. The mac shows the cluster key, the signature the identity; the bulk key is derived from the cluster key.
 * While the cluster goes over to another key, a node shows all that it holds: the current one in `mac`, where nodes of before
 * there were several look, the others in `others`. One common key is enough.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { HoldfastError, type NodeId } from '../../../common/index.ts'
import {
  type ClusterKey,
  ClusterKeyring,
  clusterKeysMax,
  decodeCbor,
  encodeCbor,
  type Identity,
  isBytes,
  isPlainMap,
  malformed,
  nodeOfPublicKey,
  publicKeyBytes,
  publicKeyOfNode,
  signatureBytes,
  verifyByNode,
} from '../../net/index.ts'
import { isReadableVersion, spokenVersion } from '../../system/index.ts'

export type Role = 'client' | 'server'

const macBytes = 32
const domain = new TextEncoder().encode('holdfast/1 bulk proof\0')
const roleByte: Record<Role, number> = { client: 1, server: 2 }

export interface Proved {
  readonly node: NodeId
  /** It answers requests on this connection, whichever side opened it. */
  readonly answers: boolean
}

export class Prover {
  readonly identity: Identity
  private readonly keyring: ClusterKeyring

  constructor(identity: Identity, keys: ClusterKey | ClusterKeyring) {
    this.identity = identity
    this.keyring = ClusterKeyring.of(keys)
  }

  prove(role: Role, exporter: Uint8Array): Uint8Array {
    const node = publicKeyOfNode(this.identity.node)
    if (node === null) throw new Error('the identity of this node is no Ed25519 key')
    const statement = statementOf(role, exporter, node)
    const [mac, ...others] = this.macs(statement)
    return encodeCbor({
      version: spokenVersion,
      node,
      mac,
      ...(others.length > 0 ? { others } : {}),
      signature: this.identity.sign(statement),
      answers: true,
    })
  }

  /** Identifies the other end, which has the given role. WRONG_CLUSTER_KEY, or PEER_PROTOCOL for any other defect. */
  check(role: Role, exporter: Uint8Array, proof: Uint8Array): Proved {
    const value = decodeCbor(proof, 'bulk proof')
    if (!isPlainMap(value)) throw malformed('bulk proof', 'it is no map')
    if (!isReadableVersion(value.version)) throw malformed('bulk proof', `its version is ${String(value.version)}`)
    const { node: raw, mac, others = [], signature } = value
    if (!isBytes(raw, publicKeyBytes) || !isBytes(mac, macBytes) || !isBytes(signature, signatureBytes)) {
      throw malformed('bulk proof', 'a field has another length')
    }
    if (!Array.isArray(others) || others.length >= clusterKeysMax || !others.every((item) => isBytes(item, macBytes))) {
      throw malformed('bulk proof', 'its further keys have another form')
    }
    const statement = statementOf(role, exporter, raw)
    const own = this.macs(statement)
    if (![mac, ...others].some((theirs) => own.some((ours) => timingSafeEqual(ours, theirs)))) {
      throw new HoldfastError(
        'WRONG_CLUSTER_KEY',
        'The other side of a bulk connection holds another cluster key, or somebody sits in between. Compare the keys of both nodes.',
      )
    }
    const node = nodeOfPublicKey(raw)
    if (node === null || !verifyByNode(node, statement, signature)) {
      throw malformed('bulk proof', 'it is not signed by the node that it names')
    }
    return { node, answers: value.answers === true }
  }

  /** By the current key first. */
  private macs(statement: Uint8Array): Uint8Array[] {
    return this.keyring.all.map((key) => createHmac('sha256', key.derive('holdfast/1 bulk')).update(statement).digest())
  }
}

function statementOf(role: Role, exporter: Uint8Array, node: Uint8Array): Uint8Array {
  return Buffer.concat([domain, Uint8Array.of(roleByte[role]), exporter, node])
}
