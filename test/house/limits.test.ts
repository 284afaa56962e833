/**
 * Every limit, where it is named, and the test that stands at its edge: exactly at the limit works, one more is refused with the
 * typed code. A limit without a row is found by the last test; a row without a limit or a test by the others.
 */
import { describe, expect, it } from 'vitest'
import { optionKeys } from '../../node/config/options.ts'
import { readSource } from '../support/source-files.ts'

interface Limit {
  readonly what: string
  /** Key of the configuration, where an operator would want one. */
  readonly key: string | null
  /** Where the option is declared, and its name there. */
  readonly declared: readonly [file: string, name: string]
  /** The test, and words of its title. */
  readonly test: readonly [file: string, title: string]
}

const native = 'native/types.ts'
const options = 'node/config/options.ts'
const bulk = 'node/transfer/bulk/options.ts'
const bulkTest = 'test/native/node/transfer/bulk/native-bulk-transport.test.ts'
const limits: readonly Limit[] = [
  {
    what: 'the bytes of a manifest',
    key: 'models.manifestLimitBytes',
    declared: ['origin/manifest/manifest-limits.ts', 'manifestBytesMax'],
    test: ['test/origin/manifest/manifest.test.ts', 'of exactly the limit of bytes is read, one byte more is not'],
  },
  {
    what: 'private memory of one inference',
    key: 'runtime.runBytesMax',
    declared: ['node/runtime/options.ts', 'runBytesMax'],
    test: ['test/native/node/runtime/hostile-models.test.ts', 'a run that asks for 2.3 GiB ends itself alone'],
  },
  {
    what: 'copies that placement makes at one time',
    key: 'placement.copiesMax',
    declared: ['placement/replication/placement-options.ts', 'copiesMax'],
    test: ['test/placement/replication/plan-placement.test.ts', 'waits when enough was begun'],
  },
  {
    what: 'pins of the cluster that are kept',
    key: null,
    declared: ['core/cluster/pin-set.ts', 'pinsMax'],
    test: ['test/core/cluster/pin-set.test.ts', 'no more than the limit are kept'],
  },
  {
    what: 'pins of the cluster in force',
    key: null,
    declared: ['node/replication/cluster-pins.ts', 'pinsMax'],
    test: ['test/node/replication/replication-controller.test.ts', 'one too many too'],
  },
  {
    what: 'tenants of the cluster that are kept',
    key: null,
    declared: ['core/cluster/tenant-set.ts', 'tenantsMax'],
    test: ['test/core/cluster/tenant-set.test.ts', 'no more tenants than the limit are kept'],
  },
  {
    what: 'tenants of the cluster in force',
    key: null,
    declared: ['node/tenants/tenant-registry.ts', 'tenantsMax'],
    test: ['test/node/tenants/tenant-registry.test.ts', 'the last one is added, one more is not'],
  },
  {
    what: 'tokens of one tenant',
    key: null,
    declared: ['node/tenants/tenant-registry.ts', 'tokensMax'],
    test: ['test/node/tenants/tenant-registry.test.ts', 'are tokens and namespaces of one tenant'],
  },
  {
    what: 'namespaces of one tenant',
    key: null,
    declared: ['node/tenants/tenant-registry.ts', 'namespacesMax'],
    test: ['test/node/tenants/tenant-registry.test.ts', 'are tokens and namespaces of one tenant'],
  },
  {
    what: 'requests of one tenant under way',
    key: null,
    declared: ['common/tenant-quotas.ts', 'requestsMax'],
    test: ['test/node/tenants/quotas.test.ts', 'that are under way are so many and not one more'],
  },
  {
    what: 'requests of one tenant in a second',
    key: null,
    declared: ['common/tenant-quotas.ts', 'requestsPerSMax'],
    test: ['test/node/tenants/quotas.test.ts', 'that come in a second are so many and not one more'],
  },
  {
    what: 'requests of one tenant that wait for workers',
    key: null,
    declared: ['common/tenant-quotas.ts', 'queuedMax'],
    test: ['test/node/runtime/request-queue.test.ts', 'a tenant waits with so many requests and not one more'],
  },
  {
    what: 'pinned copies of one tenant',
    key: null,
    declared: ['common/tenant-quotas.ts', 'pinsMax'],
    test: ['test/node/tenants/quotas.test.ts', 'are so many copies and not one more'],
  },
  {
    what: 'wrong tokens of one address',
    key: 'http.wrongTokensMax',
    declared: ['node/tenants/wrong-tokens.ts', 'wrongMax'],
    test: ['test/node/tenants/callers.test.ts', 'are looked at so often and not once more'],
  },
  {
    what: 'weights in memory',
    key: 'memory.limitBytes',
    declared: [native, 'memoryLimitBytes'],
    test: ['test/native/fill.test.ts', 'the memory limit is exact to the page'],
  },
  {
    what: 'one model in memory',
    key: 'memory.limitBytes',
    declared: [native, 'memoryLimitBytes'],
    test: ['test/native/node/models/model-cache.test.ts', 'takes a model of exactly the memory limit'],
  },
  {
    what: 'the disk tier',
    key: 'disk.limitBytes',
    declared: [native, 'diskLimitBytes'],
    test: ['native/test/disk_tier_test.cc', 'TheLimitHoldsAndIdlePartialsGiveWayOldestFirst'],
  },
  {
    what: 'the disk itself',
    key: null,
    declared: [native, 'diskFailures'],
    test: ['test/native/failing-disk.test.ts', 'a full disk is DISK_FULL for what needs it'],
  },
  {
    what: 'client connections',
    key: 'store.connectionsMax',
    declared: [native, 'connectionsMax'],
    test: ['native/test/server_test.cc', 'LimitsRefuseWithoutClosing'],
  },
  {
    what: 'connections of a process',
    key: 'store.connectionsPerProcessMax',
    declared: [native, 'connectionsPerProcessMax'],
    test: ['native/test/server_test.cc', 'NoProcessAndNoUserTakesTheStoreFromOthers'],
  },
  {
    what: 'connections of a user',
    key: 'store.connectionsPerUserMax',
    declared: [native, 'connectionsPerUserMax'],
    test: ['native/test/server_test.cc', 'NoProcessAndNoUserTakesTheStoreFromOthers'],
  },
  {
    what: 'bytes of calls',
    key: 'cluster.callBytesMax',
    declared: ['node/net/call-shares.ts', 'inboundBytesMax'],
    test: ['test/node/net/call-shares.test.ts', 'the bytes of all requests have a limit'],
  },
  {
    what: 'entries of other nodes',
    key: 'cluster.ledgerBytes',
    declared: ['core/cluster/ledger.ts', 'bytesMax'],
    test: ['test/core/cluster/ledger-budget.test.ts', 'take no more than the limit'],
  },
  {
    what: 'values of a message',
    key: null,
    declared: ['node/net/cbor.ts', 'itemsMax'],
    test: ['test/node/net/cbor-items.test.ts', 'a message of exactly the limit of values'],
  },
  {
    what: 'handshakes',
    key: 'cluster.handshakesMax',
    declared: [bulk, 'handshakesMax'],
    test: ['test/native/node/transfer/bulk/strangers.test.ts', 'never take the place of a peer'],
  },
  {
    what: 'handshakes of an address',
    key: 'cluster.handshakesPerAddressMax',
    declared: [bulk, 'handshakesPerAddressMax'],
    test: ['test/native/node/transfer/bulk/strangers.test.ts', 'never take the place of a peer'],
  },
  {
    what: 'half-sent requests',
    key: 'http.halfSentMax',
    declared: ['node/doors/http/server.ts', 'halfSentMax'],
    test: ['test/node/doors/http/half-sent.test.ts', 'the oldest gives way when there are too many'],
  },
  {
    what: 'bytes of all bodies',
    key: 'http.bodiesLimitBytes',
    declared: ['node/doors/http/server.ts', 'bodiesLimitBytes'],
    test: ['test/node/doors/http/half-sent.test.ts', 'ends the oldest body that has not arrived whole'],
  },
  {
    what: 'JSON that is parsed as a whole',
    key: 'http.jsonLimitBytes',
    declared: ['node/doors/http/server.ts', 'jsonLimitBytes'],
    test: ['test/node/doors/http/half-sent.test.ts', 'takes JSON of exactly the limit'],
  },
  {
    what: 'lines of one kind in the log',
    key: 'log.linesPerKindMax',
    declared: ['node/main/quiet-log.ts', 'linesMax'],
    test: ['test/node/main/quiet-log.test.ts', 'are written so many times in a window'],
  },
  {
    what: 'leases of a connection',
    key: 'store.leasesPerConnectionMax',
    declared: [native, 'leasesPerConnectionMax'],
    test: ['test/native/open.test.ts', 'limits and bad names are refused with their code'],
  },
  {
    what: 'loaded models',
    key: 'runtime.sessionsMax',
    declared: ['placement/eviction/plan-session-evictions.ts', 'sessionsMax'],
    test: ['test/core/models/session-room.test.ts', 'ends the session that is worth least for a third'],
  },
  {
    what: 'private memory of loaded models',
    key: 'runtime.sessionBytesMax',
    declared: ['placement/eviction/plan-session-evictions.ts', 'privateBytesMax'],
    test: ['test/core/models/session-room.test.ts', 'ends what is beyond the private memory'],
  },
  {
    what: 'threads of workers',
    key: 'runtime.threadsPerCoreMax',
    declared: ['node/runtime/options.ts', 'threadsPerCoreMax'],
    test: ['test/node/runtime/session-threads.test.ts', 'pools of all sessions stay below the threads of the worker'],
  },
  {
    what: 'conversions',
    key: 'runtime.conversionsMax',
    declared: ['node/runtime/options.ts', 'conversionsMax'],
    test: ['test/node/runtime/conversion-limit.test.ts', 'conversions wait for their number and their memory'],
  },
  {
    what: 'memory of conversions',
    key: 'runtime.conversionBytesMax',
    declared: ['node/runtime/options.ts', 'conversionBytesMax'],
    test: ['test/node/runtime/conversion-limit.test.ts', 'one that needs more than is allowed runs alone'],
  },
  {
    what: 'waiting requests',
    key: 'runtime.queueMax',
    declared: ['node/runtime/options.ts', 'queuedMax'],
    test: ['test/node/runtime/request-queue.test.ts', 'counts, order and limits hold'],
  },
  {
    what: 'waiting requests of a model',
    key: 'runtime.queuePerModelMax',
    declared: ['node/runtime/options.ts', 'queuedPerModelMax'],
    test: ['test/node/runtime/request-queue.test.ts', 'counts, order and limits hold'],
  },
  {
    what: 'tenants whose use of the workers is remembered',
    key: null,
    declared: ['placement/scheduling/work-queue.ts', 'tenantsMax'],
    test: ['test/placement/scheduling/work-queue.test.ts', 'are remembered in a bounded number'],
  },
  {
    what: 'models and batches whose times are remembered',
    key: null,
    declared: ['core/requests/load-profile.ts', 'batchesMax'],
    test: ['test/core/requests/load-profile.test.ts', 'remembers so many models and batches'],
  },
  {
    what: 'models whose times are saved',
    key: null,
    declared: ['node/requests/kept-profile.ts', 'savedModelsMax'],
    test: ['test/node/requests/kept-profile.test.ts', 'is left or cut to what can be used'],
  },
  {
    what: 'request bytes',
    key: 'http.bodyLimitBytes',
    declared: ['node/doors/http/server.ts', 'bodyLimitBytes'],
    test: ['test/node/doors/http/limits.test.ts', 'takes a body of exactly the limit'],
  },
  {
    what: 'requests at one time',
    key: 'http.requestsMax',
    declared: ['node/doors/http/server.ts', 'requestsMax'],
    test: ['test/node/doors/http/limits.test.ts', 'answers so many at one time, refuses the next'],
  },
  {
    what: 'the answer of a model',
    key: 'http.answerLimitBytes',
    declared: ['node/runtime/options.ts', 'answerBytesMax'],
    test: ['test/node/runtime/tensors.test.ts', 'an answer of exactly the limit passes'],
  },
  {
    what: 'elements of a request',
    key: 'inference.elementsMax',
    declared: ['node/doors/open-inference/infer-limits.ts', 'elementsMax'],
    test: ['test/node/doors/open-inference/infer-request.test.ts', 'too many elements in all'],
  },
  {
    what: 'tensors of a request',
    key: 'inference.tensorsMax',
    declared: ['node/doors/open-inference/infer-limits.ts', 'tensorsMax'],
    test: ['test/node/doors/open-inference/infer-request.test.ts', 'too many inputs'],
  },
  {
    what: 'dimensions of a tensor',
    key: 'inference.dimensionsMax',
    declared: ['node/doors/open-inference/infer-limits.ts', 'dimensionsMax'],
    test: ['test/node/doors/open-inference/infer-request.test.ts', 'too many dimensions'],
  },
  {
    what: 'names of tensors',
    key: 'inference.nameLengthMax',
    declared: ['node/doors/open-inference/infer-limits.ts', 'nameLengthMax'],
    test: ['test/node/doors/open-inference/infer-request.test.ts', 'a name that is too long'],
  },
  {
    what: 'JSON of a request that is no data',
    key: 'inference.jsonLimitBytes',
    declared: ['node/doors/open-inference/infer-limits.ts', 'jsonLimitBytes'],
    test: ['test/node/doors/open-inference/infer-request.test.ts', 'JSON without end that is no data'],
  },
  {
    what: 'gossip bytes',
    key: null,
    declared: ['node/net/gossip.ts', 'messageBytes'],
    test: ['test/node/net/gossip.test.ts', 'a message above the limit is not sent'],
  },
  {
    what: 'bytes of an entry',
    key: null,
    declared: ['node/net/entry-codec.ts', 'envelopeBytes'],
    test: ['test/node/net/entry-codec.test.ts', 'above the size limit is neither made nor opened'],
  },
  {
    what: 'entries of a message',
    key: null,
    declared: ['node/net/entry-codec.ts', 'entriesPerBatch'],
    test: ['test/node/net/entry-codec.test.ts', 'with too many entries'],
  },
  {
    what: 'bytes of a call',
    key: 'http.bodyLimitBytes',
    declared: ['node/net/rpc.ts', 'requestBytes'],
    test: ['test/node/net/rpc.test.ts', 'payloads up to the limits travel whole, both ways'],
  },
  {
    what: 'bytes of an answer',
    key: 'http.bodyLimitBytes',
    declared: ['node/net/rpc.ts', 'answerBytes'],
    test: ['test/node/net/rpc.test.ts', 'an answer above the limit becomes an error'],
  },
  {
    what: 'calls served at one time',
    key: null,
    declared: ['node/net/rpc.ts', 'inboundMax'],
    test: ['test/node/net/rpc.test.ts', 'calls above the inbound limit are refused at once with OVERLOADED'],
  },
  {
    what: 'chunks served at one time',
    key: 'cluster.bulkServedMax',
    declared: [bulk, 'servedMax'],
    test: [bulkTest, 'a holder above its limit answers OVERLOADED'],
  },
  {
    what: 'chunks asked for at one time',
    key: null,
    declared: [bulk, 'requestsPerConnectionMax'],
    test: [bulkTest, 'no more requests than allowed are under way'],
  },
  {
    what: 'bytes of a chunk',
    key: null,
    declared: [bulk, 'chunkBytesMax'],
    test: [bulkTest, 'a chunk above the limit is asked for by nobody'],
  },
  {
    what: 'chunk bytes of a manifest',
    key: null,
    declared: ['origin/manifest/manifest-limits.ts', 'chunkBytesMax'],
    test: ['test/origin/manifest/manifest.test.ts', 'with a chunk over 8 MiB'],
  },
  {
    what: 'fetches that have ended and are shown',
    key: 'fetches.keptMax',
    declared: ['core/transfer/fetch-history.ts', 'endedMax'],
    test: ['test/core/transfer/fetch-history.test.ts', 'keeps so many fetches that have ended'],
  },
  {
    what: 'entries of a timeline',
    key: 'fetches.entriesMax',
    declared: ['core/transfer/timeline.ts', 'entriesMax'],
    test: ['test/core/transfer/fetch-history.test.ts', 'stays within its limits of entries'],
  },
  {
    what: 'models taken from nodes that stop',
    key: null,
    declared: ['core/life/handover-machine.ts', 'takesMax'],
    test: ['test/native/node/life/handover.test.ts', 'takes so many at one time'],
  },
]

describe.each(limits)('the limit of $what', ({ key, declared, test }) => {
  it('has a name, and a key where it says so', () => {
    expect(readSource(declared[0])).toMatch(new RegExp(`\\b${declared[1]}\\b`))
    if (key !== null) expect(optionKeys).toContain(key)
  })

  it('is tested at its edge', () => {
    expect(readSource(test[0])).toContain(test[1])
  })
})

describe('the configuration', () => {
  /** Not refusals: times, sizes of pools, and what is trimmed rather than refused. */
  const noLimits = new Set(['store.socketPath'])
  /** Connection limits that libp2p and TLS enforce by closing: there is nobody to tell a code. */
  const closes = new Set(['cluster.connectionsMax', 'cluster.bulkConnectionsMax'])

  it('has no limit without a row here', () => {
    const named = optionKeys.filter((key) => /(Max|limitBytes|LimitBytes)$/.test(key) && !noLimits.has(key))
    const rows = new Set(limits.map(({ key }) => key))
    expect(named.filter((key) => !rows.has(key) && !closes.has(key))).toEqual([])
    expect(readSource(options)).toContain("'http.requestsMax'")
  })
})
