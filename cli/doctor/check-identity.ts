/** The identity of the data folder: in use by nobody else. Read as it is; the first start makes it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type BoxPatient, fail, ok, type Verdict } from './types.ts'

const action = 'Give the copy of the data folder an identity of its own: `holdfast init --new-identity`.'

export async function checkIdentity({
  options,
  paths,
  clock,
  isRunning,
  identityClaims,
}: BoxPatient): Promise<Verdict> {
  if (isRunning) {
    if (identityClaims === 0) return ok('the node runs, and no other box has shown its identity')
    return fail(`IDENTITY_IN_USE: another box has shown the identity of this node ${identityClaims} times`, action)
  }
  const { ClusterKeyring, identityFileName, loadClusterKeys, loadIdentity } = await import('../../node/net/index.ts')
  if (!existsSync(join(paths.identityPath, identityFileName)))
    return ok('the first start makes the identity of this node')
  const { isIdentityInUse } = await import('../../node/life/index.ts')
  const { node } = await loadIdentity(paths.identityPath)
  const clusterKey = new ClusterKeyring(await loadClusterKeys(options, paths.dataPath))
  if (!(await isIdentityInUse({ clusterKey, clock }, node, options['cluster.bootstrap'])))
    return ok(`nobody else is ${node}`)
  return fail(`IDENTITY_IN_USE: another box runs as ${node}`, action)
}
