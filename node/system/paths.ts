/** Where a node keeps its files, following the XDG base directory specification. */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

export interface NodePaths {
  readonly dataPath: string
  /** identity.key, cluster.key */
  readonly identityPath: string
  /** LevelDB. */
  readonly statePath: string
  /** blobs/ and partial/ */
  readonly diskPath: string
  /** Conversions under way; on the same file system as diskPath. */
  readonly scratchPath: string
  readonly socketPath: string
}

/** Unix socket paths are limited to 108 bytes by the kernel; a long data folder needs its own store.socketPath. */
export const socketPathBytesMax = 107

export function nodePaths(options: {
  readonly 'node.dataDir': string
  readonly 'store.socketPath': string
}): NodePaths {
  const dataPath = resolve(options['node.dataDir'] === '' ? defaultDataPath() : options['node.dataDir'])
  const ownSocketPath = options['node.dataDir'] === '' ? wellKnownSocketPath() : join(dataPath, 'store.sock')
  const socketPath = options['store.socketPath'] === '' ? ownSocketPath : options['store.socketPath']
  return {
    dataPath,
    identityPath: dataPath,
    statePath: join(dataPath, 'state'),
    diskPath: join(dataPath, 'disk'),
    scratchPath: join(dataPath, 'scratch'),
    socketPath: resolve(socketPath),
  }
}

/** The first place where clients look for the store of their machine. */
function wellKnownSocketPath(): string {
  const runtimePath = process.env.XDG_RUNTIME_DIR
  if (runtimePath !== undefined && runtimePath !== '') return join(runtimePath, 'holdfast', 'store.sock')
  const uid = process.getuid?.() ?? 0
  return uid === 0 ? '/run/holdfast/store.sock' : `/tmp/holdfast-${uid}/store.sock`
}

function defaultDataPath(): string {
  return join(process.env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'holdfast')
}
