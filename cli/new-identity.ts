/** `holdfast init --new-identity`: the data folder, a copy of another box's for example, becomes that of a node of its own. */
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { identityFileName, loadIdentity } from '../node/net/index.ts'
import { openLevelState } from '../node/state/index.ts'
import { makeFolder, nodePaths } from '../node/system/index.ts'

export interface NewIdentity {
  readonly dataPath: string
  /** Id of the node from now on. */
  readonly node: string
}

/** Models and state stay. DISK_FAILED when a node runs on the folder. A crash in between leaves no identity, and the next start makes one. */
export async function makeNewIdentity(dataDir: string): Promise<NewIdentity> {
  const { dataPath, identityPath, statePath } = nodePaths({ 'node.dataDir': dataDir, 'store.socketPath': '' })
  await makeFolder(dataPath, 0o700)
  // One process at a time has it open: a running node keeps this from going on.
  const state = await openLevelState(statePath)
  try {
    await unlink(join(identityPath, identityFileName)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    const { node } = await loadIdentity(identityPath)
    return { dataPath, node }
  } finally {
    await state.close()
  }
}
