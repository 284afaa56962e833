/**
 * Every option of a node: one table from which the YAML keys, the environment variables, the flags, their validation and
 * their documentation follow. `memory.limitBytes` is HOLDFAST_MEMORY_LIMIT_BYTES and `--memory-limit-bytes`.
 */

import {
  defaultHandOverMs,
  defaultLastRequestsMs,
  defaultNamespace,
  defaultOriginPatienceMs,
  defaultRefFreshMs,
  defaultRefMissingMs,
  defaultReplicationIntervalMs,
  evictionPolicyNames,
} from '../../common/index.ts'

export type OptionType = 'string' | 'integer' | 'bytes' | 'boolean' | 'list'
export type OptionValue = string | number | boolean | readonly string[]

export interface OptionRow<T extends OptionValue = OptionValue> {
  readonly type: OptionType
  readonly defaultValue: T
  readonly description: string
  readonly minimum?: number
  readonly maximum?: number
  /** The only values that a text may have. */
  readonly choices?: readonly string[]
  /** The value is shown to nobody. */
  readonly isSecret?: boolean
}

const text = (defaultValue: string, description: string): OptionRow<string> => ({
  type: 'string',
  defaultValue,
  description,
})
const choice = (defaultValue: string, choices: readonly string[], description: string): OptionRow<string> => ({
  ...text(defaultValue, description),
  choices,
})
const secret = (description: string): OptionRow<string> => ({ ...text('', description), isSecret: true })
const list = (description: string): OptionRow<readonly string[]> => ({ type: 'list', defaultValue: [], description })
const flag = (defaultValue: boolean, description: string): OptionRow<boolean> => ({
  type: 'boolean',
  defaultValue,
  description,
})
const integer = (defaultValue: number, minimum: number, maximum: number, description: string): OptionRow<number> => ({
  type: 'integer',
  defaultValue,
  minimum,
  maximum,
  description,
})
const bytes = (defaultValue: number, minimum: number, description: string): OptionRow<number> => ({
  type: 'bytes',
  defaultValue,
  minimum,
  maximum: Number.MAX_SAFE_INTEGER,
  description,
})

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
const MiB = 2 ** 20
const GiB = 2 ** 30

export const optionTable = {
  'node.dataDir': text('', 'Folder of identity, state and the disk tier. Default: $XDG_DATA_HOME/holdfast.'),
  'node.zone': text('default', 'Zone of the node; nodes in one zone are near each other.'),
  'node.name': text('', 'Name for people, in logs and tables. Default: the end of the node id.'),
  'origin.url': text('', 'Origin that models are pulled from, as in file:///srv/origin. Empty: peers only.'),
  'origin.timeoutMs': integer(30_000, 100, 3_600_000, 'A read from the origin that takes longer has failed.'),
  'models.defaultNamespace': text(
    defaultNamespace,
    'Namespace of names that are written without one: resnet50 is library/resnet50. Empty: such names are refused.',
  ),
  'models.manifestLimitBytes': bytes(
    32 * MiB,
    MiB,
    'Largest manifest that is read; 32 MiB name 300,000 chunks, or 100,000 files. A model with a larger one is refused.',
  ),
  'refs.freshMs': integer(
    defaultRefFreshMs,
    0,
    86_400_000,
    'A tag that was looked up less than this ago is not looked up again.',
  ),
  'refs.missingMs': integer(
    defaultRefMissingMs,
    0,
    3_600_000,
    'A tag or manifest that neither the origin nor a peer had less than this ago is not looked for again.',
  ),
  'refs.serveStale': flag(
    true,
    'Requests get the model that a known tag meant last, however old that is, and the tag is looked up behind them. False: they wait for the origin, while it answers.',
  ),
  'refs.originPatienceMs': integer(
    defaultOriginPatienceMs,
    0,
    3_600_000,
    'An origin that takes longer for a tag that this node does not know has peers asked beside it.',
  ),
  'memory.limitBytes': bytes(
    0,
    0,
    'Hard limit of weights in shared memory. 0: what the machine or its control group has, whichever is less, without memory.processBytes and runtime.workerBytes of each worker; at most 4GiB.',
  ),
  'memory.processBytes': bytes(160 * MiB, 0, 'Memory that the node itself needs beside the weights.'),
  'memory.export': text(
    '',
    'Folder on a tmpfs, as in /dev/shm/holdfast, that keeps weights in memory as read-only files, for programs that open a path. They have no seals: what protects them is their mode, and a read-only mount. Empty: sealed memory without paths.',
  ),
  'memory.largePages': choice(
    'auto',
    ['auto', 'off'],
    'Large pages for weights: auto takes reserved ones (vm.nr_hugepages) where they suffice, else those that the kernel gives to shared memory (shmem_enabled), else the usual ones; off takes the usual ones.',
  ),
  'fetches.keptMax': integer(64, 0, 65_536, 'Fetches that have ended and are still shown, with their timelines.'),
  'fetches.entriesMax': integer(
    256,
    16,
    65_536,
    'Entries of the timeline of one fetch; when there are more, those that are near each other become one.',
  ),
  'disk.limitBytes': bytes(64 * GiB, 0, 'Hard limit of the disk tier. 0 turns it off.'),
  'disk.verifyReads': flag(
    true,
    'Hash weights again while they are read from the disk tier, into memory and for conversion; what is damaged is fetched or made anew. Off: as fast as the disk, and a damaged file is used as it is until it is found.',
  ),
  'disk.scrubBytesPerS': bytes(
    4 * MiB,
    0,
    'Bytes per second of the disk tier that are read and hashed in the background, round after round; what is damaged is removed before somebody wants it. 0 turns it off.',
  ),
  'store.socketPath': text(
    '',
    'Unix socket that hands out weights. Default: store.sock in the runtime or data folder.',
  ),
  'store.connectionsMax': integer(1024, 1, 65_536, 'Client connections at one time.'),
  'store.connectionsPerProcessMax': integer(256, 1, 65_536, 'Of one process; the next one gets STORE_BUSY.'),
  'store.connectionsPerUserMax': integer(768, 1, 65_536, 'Of all processes of one user; the next one gets STORE_BUSY.'),
  'store.greetingTimeoutMs': integer(
    10_000,
    100,
    3_600_000,
    'A connection to the store that has not greeted after this is ended.',
  ),
  'store.leasesPerConnectionMax': integer(1024, 1, 65_536, 'Open models of one connection.'),
  'store.accessFile': text(
    '',
    'JSON file with rules of who may open and list which models, read again on change. Without one, everybody who can connect to the socket may open everything.',
  ),
  'cluster.key': secret('Cluster key (hfk1-...). Prefer cluster.keyFile: a value here is seen in process lists.'),
  'cluster.keyFile': text(
    '',
    'File with the cluster key on its first line and further accepted keys below, read again on change. Without one the node makes a key for itself alone.',
  ),
  'cluster.listen': list('libp2p multiaddrs to listen on. Default: /ip4/127.0.0.1/tcp/0.'),
  'cluster.bootstrap': list('libp2p multiaddrs of nodes to join, with or without /p2p/.'),
  'cluster.mdns': flag(false, 'Find nodes of the local network by mDNS.'),
  'cluster.bulkHost': text('', 'Host that the bulk listener binds to. Default: that of the first cluster.listen.'),
  'cluster.bulkPort': integer(0, 0, 65_535, 'Port of the bulk listener; 0 takes a free one.'),
  'cluster.connectionsMax': integer(1024, 1, 65_536, 'libp2p connections at one time.'),
  'cluster.bulkConnectionsMax': integer(
    512,
    1,
    65_536,
    'Connections of other nodes to the bulk listener; the next one displaces one of the node that has the most.',
  ),
  'cluster.ledgerBytes': bytes(
    64 * MiB,
    64 * 1024,
    'What other nodes say of themselves, as bytes on the wire; at most a sixteenth of the heap. Beyond it the largest nodes that were never connected to this one give way.',
  ),
  'cluster.callBytesMax': bytes(
    512 * MiB,
    256 * MiB,
    'Calls of other nodes that are read or served at one time, as bytes of their requests; one node may have half of it.',
  ),
  'cluster.handshakesMax': integer(
    1024,
    1,
    65_536,
    'Connections, to the cluster port and to the bulk port each, that have not shown the cluster key yet; the next one displaces another.',
  ),
  'cluster.handshakesPerAddressMax': integer(768, 1, 65_536, 'Of one address; the next one displaces the oldest.'),
  'cluster.bulkServedMax': integer(64, 1, 65_536, 'Chunks served to other nodes at one time; each may take 8 MiB.'),
  'cluster.bulkOutBytesPerS': bytes(
    0,
    0,
    'Weights per second that this node sends to other nodes; 0: as fast as it goes.',
  ),
  'cluster.bulkInBytesPerS': bytes(0, 0, 'Weights per second that it takes from other nodes; 0: as fast as it goes.'),
  'cluster.bulkPeerOutBytesPerS': bytes(0, 0, 'The same to each node.'),
  'cluster.bulkPeerInBytesPerS': bytes(0, 0, 'The same from each node.'),
  'cluster.siteInBytesPerS': bytes(
    0,
    0,
    'Weights per second that all nodes of this zone together take from other zones and from the origin; the same on each of them. 0: no limit.',
  ),
  'cluster.bulkNice': integer(
    5,
    0,
    19,
    'Added to the niceness of the threads that move weights between nodes, so that inference goes first.',
  ),
  'cluster.advertiseHost': text('', 'Host that other nodes reach this one by, when it binds to a wildcard address.'),
  'cluster.joinWaitMs': integer(
    10_000,
    0,
    3_600_000,
    'A node with cluster.bootstrap is ready once it has joined, or when it has been alone for this long.',
  ),
  'http.host': text('127.0.0.1', 'Host of the HTTP interface.'),
  'http.port': integer(8080, 0, 65_535, 'Port of the HTTP interface; 0 takes a free one.'),
  'http.bodyLimitBytes': bytes(64 * MiB, 1024, 'Largest request body, after decompression.'),
  'http.bodiesLimitBytes': bytes(
    512 * MiB,
    1024,
    'Bodies of all requests together, but for small ones; beyond it the oldest that has not arrived whole gets 503. At least http.bodyLimitBytes.',
  ),
  'http.jsonLimitBytes': bytes(
    MiB,
    1024,
    'Largest body of the routes that take JSON alone, which is parsed as a whole: values take many times the memory of their text.',
  ),
  'http.requestTimeoutMs': integer(300_000, 100, 86_400_000, 'A request that takes longer to arrive gets 400.'),
  'http.halfSentMax': integer(
    2048,
    1,
    65_536,
    'Connections on which no whole request has arrived, idle ones too; the next one displaces the oldest.',
  ),
  'http.wrongTokensMax': integer(
    20,
    1,
    65_536,
    'Wrong tokens that one address may show within a minute; the next one gets 429. Tokens of tenants go on, and those of the admin that were right from there.',
  ),
  'http.answerLimitBytes': bytes(
    128 * MiB,
    1024,
    'Largest answer of a model, as bytes of its tensors, whether it is sent as bytes or as JSON.',
  ),
  'http.requestsMax': integer(1024, 1, 65_536, 'Requests that are answered at one time; the next one gets 503.'),
  'inference.tensorsMax': integer(1024, 1, 1024, 'Inputs of a request, and outputs that it names.'),
  'inference.dimensionsMax': integer(32, 1, 32, 'Dimensions of one tensor of a request.'),
  'inference.elementsMax': integer(
    16 * MiB,
    1,
    1024 * MiB,
    'Elements of all tensors that a request has as JSON. Tensors in bytes are bounded by http.bodyLimitBytes alone.',
  ),
  'inference.nameLengthMax': integer(1024, 1, 1024, 'Characters of ids and of names of tensors.'),
  'inference.jsonLimitBytes': bytes(
    MiB,
    1024,
    'JSON of a request that is no tensor data: names, shapes and parameters.',
  ),
  'runtime.workerCount': integer(1, 1, 64, 'Worker processes that run models.'),
  'runtime.workerBytes': bytes(
    96 * MiB,
    0,
    'Memory that a worker process needs beside the weights: its session, and the tensors of its requests.',
  ),
  'runtime.threads': integer(0, 0, 1024, 'Threads of one inference in a worker; 0 leaves it to the runtime.'),
  'runtime.sessionsMax': integer(
    512,
    1,
    65_536,
    'Models loaded in the workers at one time; the least valuable ends for another.',
  ),
  'runtime.sessionBytesMax': bytes(
    2 * GiB,
    MiB,
    'Memory of the workers for loaded models besides the shared bytes; one model that needs more is loaded alone.',
  ),
  'runtime.threadsPerCoreMax': integer(
    4,
    1,
    64,
    'Threads of all workers for each core. Sessions share them; at the limit a session runs on the thread of its worker.',
  ),
  'runtime.conversionsMax': integer(1, 1, 64, 'Models converted for the runtime at one time; others wait.'),
  'runtime.conversionBytesMax': bytes(
    2 * GiB,
    MiB,
    'Memory of all conversions together, estimated as three times the model; one that needs more runs alone.',
  ),
  'runtime.conversionTimeoutMs': integer(
    600_000,
    1000,
    86_400_000,
    'A conversion that takes longer is given up, until the node starts again.',
  ),
  'runtime.conversionBaseMs': integer(
    60_000,
    1000,
    86_400_000,
    'Processor time of the conversion of a small model; each MiB of a larger one adds a second. On a busy machine it takes longer, up to runtime.conversionTimeoutMs.',
  ),
  'runtime.conversionBaseBytes': bytes(
    GiB,
    64 * MiB,
    'Private memory that one conversion may take, beside four times the size of its model; it fails with MEMORY_EXCEEDED at more.',
  ),
  'runtime.runBytesMax': bytes(
    GiB,
    16 * MiB,
    'Private memory that one inference, or one session beside its copies of the weights, may take; it fails with MEMORY_EXCEEDED at more.',
  ),
  'runtime.runTimeoutMs': integer(60_000, 100, 86_400_000, 'Time of one inference in a worker, whatever its deadline.'),
  'runtime.overtimeMs': integer(
    500,
    0,
    60_000,
    'Time that an inference may go on after its request has ended, or twice what the model usually takes, before its worker is replaced. The model runs in a worker apart then.',
  ),
  'runtime.confined': flag(
    true,
    'Workers and converters give up the network, programs, other processes and files that they need not write, as far as this kernel can take it from them.',
  ),
  'runtime.queuePerModelMax': integer(64, 1, 65_536, 'Requests that may wait for one model; the next one gets 503.'),
  'runtime.queueMax': integer(256, 1, 65_536, 'Requests that may wait or run on this node; the next one gets 503.'),
  'tenants.public': flag(
    true,
    'Requests without a token are let in, as those of the tenant `public`. When it is off, HTTP answers 401 to them, and the store opens to tokens and the rules of store.accessFile only.',
  ),
  'admin.token': secret('Admin token. Prefer admin.tokenFile: a value here is seen in process lists.'),
  'admin.tokenFile': text(
    '',
    'File with valid admin tokens, one per line, read again on change. Without a token, changes are open to every program of this machine.',
  ),
  'admin.pinCheckMs': integer(
    15_000,
    100,
    86_400_000,
    'How often pinned models are looked up and brought back when they are missing.',
  ),
  'drain.handOverMs': integer(
    defaultHandOverMs,
    0,
    3_600_000,
    'How long a node that stops hands last copies of wanted models on to others; 0 hands nothing on.',
  ),
  'drain.requestsMs': integer(
    defaultLastRequestsMs,
    0,
    3_600_000,
    'How long a node that stops waits for requests that run.',
  ),
  'placement.eviction': choice('holdfast', evictionPolicyNames, 'Which models leave when room is needed.'),
  'placement.replication': flag(
    true,
    'Copy models to where they are asked for, prefetch what is expected, and shed what nobody wants. Off: only what is pinned is placed.',
  ),
  'placement.intervalMs': integer(
    defaultReplicationIntervalMs,
    100,
    3_600_000,
    'How often a node decides which models to have: some rounds of gossip, which takes 5 s for demand.',
  ),
  'placement.horizonS': integer(
    600,
    1,
    86_400,
    'A copy is worth what it saves in this time: about as long as a burst of demand lasts.',
  ),
  'placement.marginPercent': integer(
    25,
    0,
    10_000,
    'How much more a copy must save than it costs and displaces: estimates are no better than that.',
  ),
  'placement.settleMs': integer(
    120_000,
    0,
    86_400_000,
    'A copy that came less than this ago is not displaced by another copy, and one that went is not made again.',
  ),
  'placement.copiesMax': integer(
    4,
    1,
    1024,
    'Copies that placement makes at one time, so that requests keep the uplink.',
  ),
  'placement.graceMs': integer(
    60_000,
    0,
    86_400_000,
    'A node that cannot be reached keeps its replicas of pinned models for this long: most are back after a restart.',
  ),
  'log.format': choice(
    'auto',
    ['auto', 'json', 'text'],
    'Lines of the log: json for programs, text for people, auto for text at a terminal and json elsewhere.',
  ),
  'log.linesPerKindMax': integer(
    10,
    0,
    1_000_000,
    'Lines of one kind in ten seconds, but for debugging; how many more there were is one line. 0: no limit.',
  ),
  'log.slowRequestMs': integer(
    1_000,
    0,
    3_600_000,
    'A request that takes longer is logged with the time of its parts; 0: none is.',
  ),
  'log.level': choice('info', logLevels, 'The least important messages that are logged.'),
} as const satisfies Record<string, OptionRow>

export type OptionKey = keyof typeof optionTable
type ValueOf<R> = R extends OptionRow<infer T> ? T : never
export type NodeOptions = { readonly [K in OptionKey]: ValueOf<(typeof optionTable)[K]> }

export const optionKeys = Object.keys(optionTable) as OptionKey[]

/** `memory.limitBytes` -> HOLDFAST_MEMORY_LIMIT_BYTES */
export function environmentNameOf(key: OptionKey): string {
  return `HOLDFAST_${key
    .replaceAll('.', '_')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toUpperCase()}`
}

/** `memory.limitBytes` -> --memory-limit-bytes */
export function flagNameOf(key: OptionKey): string {
  return `--${key
    .replaceAll('.', '-')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()}`
}
