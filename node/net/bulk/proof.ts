/**
 * Who is at the other end of a TLS connection. The certificates are made at start and trusted by nobody; instead both sides
 * prove themselves inside the connection:
 *
 *   statement = domain || role || exporter || public key of the node
 *   proof     = {version, node: public key, mac: HMAC-SHA256(bulk key, statement), signature: Ed25519(statement)}
 *
 * The exporter (RFC 8446, 7.5) is a secret of exactly this connection. A man in the middle has two connections with two
 * exporters: neither proof fits the other. A proof that was recorded fits no later connection. The role keeps a proof from being
 * sent back to its maker. The mac shows the cluster key, the signature the identity; the bulk key is derived from the cluster key.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { HoldfastError } from '../../../placement/errors.ts'
import type { NodeId } from '../../../placement/types.ts'
import { decodeCbor, encodeCbor, isBytes, isPlainMap, malformed } from '../cbor.ts'
import type { ClusterKey } from '../cluster-key.ts'
import type { Identity } from '../identity.ts'
import { nodeOfPublicKey, publicKeyBytes, publicKeyOfNode, signatureBytes, verifyByNode } from '../node-id.ts'

export type Role = 'client' | 'server'

export const bulkVersion = 1
const exporterLabel = 'EXPORTER-holdfast-bulk-1'
const exporterBytes = 32
const macBytes = 32
const domain = new TextEncoder().encode('holdfast/1 bulk proof\0')
const roleByte: Record<Role, number> = { client: 1, server: 2 }

export class Prover {
  readonly identity: Identity
  private readonly key: Uint8Array

  constructor(identity: Identity, clusterKey: ClusterKey) {
    this.identity = identity
    this.key = clusterKey.derive('holdfast/1 bulk')
  }

  prove(role: Role, socket: TLSSocket): Uint8Array {
    const node = publicKeyOfNode(this.identity.node)
    if (node === null) throw new Error('the identity of this node is no Ed25519 key')
    const statement = statementOf(role, socket, node)
    return encodeCbor({
      version: bulkVersion,
      node,
      mac: this.mac(statement),
      signature: this.identity.sign(statement),
    })
  }

  /** The node at the other end, which has the given role. WRONG_CLUSTER_KEY, or PEER_PROTOCOL for any other defect. */
  check(role: Role, socket: TLSSocket, proof: Uint8Array): NodeId {
    const value = decodeCbor(proof, 'bulk proof')
    if (!isPlainMap(value)) throw malformed('bulk proof', 'it is no map')
    if (value.version !== bulkVersion) throw malformed('bulk proof', `its version is ${String(value.version)}`)
    const { node: raw, mac, signature } = value
    if (!isBytes(raw, publicKeyBytes) || !isBytes(mac, macBytes) || !isBytes(signature, signatureBytes)) {
      throw malformed('bulk proof', 'a field has another length')
    }
    const statement = statementOf(role, socket, raw)
    if (!timingSafeEqual(this.mac(statement), mac)) {
      throw new HoldfastError(
        'WRONG_CLUSTER_KEY',
        'The other side of a bulk connection holds another cluster key, or somebody sits in between. Compare the keys of both nodes.',
      )
    }
    const node = nodeOfPublicKey(raw)
    if (node === null || !verifyByNode(node, statement, signature)) {
      throw malformed('bulk proof', 'it is not signed by the node that it names')
    }
    return node
  }

  private mac(statement: Uint8Array): Uint8Array {
    return createHmac('sha256', this.key).update(statement).digest()
  }
}

function statementOf(role: Role, socket: TLSSocket, node: Uint8Array): Uint8Array {
  const exporter = socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0))
  return Buffer.concat([domain, Uint8Array.of(roleByte[role]), exporter, node])
}
