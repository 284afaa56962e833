/**
 * `import { open } from 'holdfast'`: maps a model of this machine's store into the process, without copying.
 *
 *   using model = await open('acme/resnet50:v3')
 *   const weights = model.file('model.safetensors').bytes     // shared, read-only memory
 *   const layer = model.tensor('layer.0.weight')              // a view of it: dtype, shape, bytes
 *
 * Loads the native addon and nothing else of Holdfast.
 */
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import {
  type ConnectOptions,
  connectStore,
  type OpenModel,
  type OpenOptions,
  type StoreClient,
} from '../../native/index.ts'

export { type ErrorCode, HoldfastError, isHoldfastError } from '../../common/index.ts'
export type {
  ConnectOptions,
  ModelFileEntry,
  OpenFile,
  OpenModel,
  OpenOptions,
  StoreClient,
  StoreCounters,
  Tensor,
  TensorInfo,
  WaitOptions,
} from '../../native/index.ts'

/** One connection per socket, shared by all opens of the process. */
const clients = new Map<string, Promise<StoreClient>>()

/**
 * Opens `namespace/name[:tag]` or `sha256:<digest>`; waits while the node fetches it. The lease ends with close(), with `using`,
 * when the model is garbage collected, or with the process.
 */
export async function open(name: string, options: OpenOptions & { socketPath?: string } = {}): Promise<OpenModel> {
  const { socketPath = defaultSocketPath(), ...rest } = options
  const client = await clientOf(socketPath)
  return client.open(name, rest)
}

/**
 * A connection of its own to the store at a socket: for the status of the store, a list of models, or a token of its own.
 * STORE_UNREACHABLE when nothing listens there, STORE_BUSY when the store has no room for another client, UNAUTHORIZED for a wrong token.
 */
export function connect(socketPath: string, options: ConnectOptions = {}): Promise<StoreClient> {
  return connectStore(socketPath, options)
}

/** $HOLDFAST_SOCKET, else the first that exists of the places where a node makes its socket. STORE_UNREACHABLE without one. */
export function defaultSocketPath(env: NodeJS.ProcessEnv = process.env): string {
  if (env.HOLDFAST_SOCKET) return env.HOLDFAST_SOCKET
  const places = socketPlaces(env)
  const found = places.find(({ path, owned }) => existsSync(path) && (!owned || isOwnFolder(dirname(path))))
  if (found !== undefined) return found.path
  const paths = places.map(({ path }) => path)
  throw new HoldfastError(
    'STORE_UNREACHABLE',
    `No store socket at ${paths.join(', ')}: start \`holdfast node\`, or set HOLDFAST_SOCKET.`,
    {
      details: { paths },
    },
  )
}

/** `owned`: anybody may make folders in /tmp, so there the folder must be of this user. */
function socketPlaces(env: NodeJS.ProcessEnv): { path: string; owned: boolean }[] {
  const runtime = env.XDG_RUNTIME_DIR
    ? [{ path: join(env.XDG_RUNTIME_DIR, 'holdfast', 'store.sock'), owned: false }]
    : []
  const uid = process.getuid?.() ?? 0
  return [
    ...runtime,
    { path: '/run/holdfast/store.sock', owned: false },
    { path: `/tmp/holdfast-${uid}/store.sock`, owned: true },
  ]
}

function isOwnFolder(path: string): boolean {
  return statSync(path).uid === process.getuid?.()
}

/** A connection comes back by itself when the store restarts. */
function clientOf(socketPath: string): Promise<StoreClient> {
  const known = clients.get(socketPath)
  if (known !== undefined) return known
  const connecting = connectStore(socketPath)
  clients.set(socketPath, connecting)
  connecting.catch(() => clients.delete(socketPath))
  return connecting
}
