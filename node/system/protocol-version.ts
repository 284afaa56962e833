/**
 * The version of what nodes say to each other: calls, digests, forwarded requests, bulk proofs and state entries carry it.
 *
 * A cluster is upgraded node by node, so two versions have to work together. The rules: a later version adds fields, kinds and
 * methods, which earlier nodes leave out; it takes none away, so that an earlier node reads a later one's messages as its own.
 * What cannot be said that way gets a name of its own (a gossip topic, a libp2p protocol: /holdfast/rpc/2 beside /holdfast/rpc/1),
 * which both ends have to know before it is used. So readers accept every version from `oldestVersion` on.
 *
 * HOLDFAST_PROTOCOL_VERSION makes a node speak as one of a later version, to rehearse an upgrade.
 */
export const oldestVersion = 1
const ownVersion = 1

export const spokenVersion = versionFrom(process.env.HOLDFAST_PROTOCOL_VERSION)

export function isReadableVersion(version: unknown): boolean {
  return Number.isSafeInteger(version) && (version as number) >= oldestVersion
}

function versionFrom(text: string | undefined): number {
  const version = Number(text ?? ownVersion)
  return Number.isSafeInteger(version) && version >= ownVersion ? version : ownVersion
}
