/** Nodes of other versions read these bytes: they may gain fields, and what is in them stays as it is. */
import { expect, test } from 'vitest'
import { modelNamePartLengthMax, quotasOf } from '../../../common/index.ts'
import { checkEntry } from '../../../core/cluster/entry-check.ts'
import { defaultEntryLimits } from '../../../core/cluster/entry-checker.ts'
import { decodeBody, encodeBody, entryFormat } from '../../../core/cluster/entry-format.ts'
import { type Entry, entryKinds } from '../../../core/events.ts'
import { decodeCbor, encodeCbor, type PlainMap } from '../../../node/net/cbor.ts'
import { entryIds } from '../../../node/net/entry-ids.ts'
import { defaultGossipOptions } from '../../../node/net/gossip.ts'
import { nodeOfPublicKey } from '../../../node/net/node-id.ts'

const suspect = nodeOfPublicKey(Uint8Array.from({ length: 32 }, (_, at) => at))!

const cases = [
  {
    kind: 'state',
    body: {
      zone: 'eu',
      protocolVersion: 1,
      addresses: ['/ip4/10.0.0.1/tcp/4001'],
      bulkAddress: '10.0.0.1:4002',
      httpUrl: 'http://10.0.0.1:8080',
      queueMs: 12.5,
      tiers: { memory: { freeBytes: 5, limitBytes: 7 }, disk: { freeBytes: 9, limitBytes: null } },
      draining: false,
      name: 'box1',
      version: '0.1.0',
      startedMs: 1_700_000_000_000,
      reannounceMs: 90_000,
      pins: [{ name: 'acme/x:v1', replicaCount: 2, tier: 'disk', changedMs: 1_700_000_000_000, by: 'n' }],
      tenants: [
        {
          name: 'team-a',
          tokens: [{ sha256: 'e'.repeat(64), createdMs: 1_700_000_000_000 }],
          revoked: [{ sha256: 'f'.repeat(64), revokedMs: 1_700_000_000_001 }],
          namespaces: [{ name: 'acme', isPrivate: true }],
          quotas: { requestsMax: 1, requestsPerSMax: 2, queuedMax: 3, pinsMax: 4, weight: 5 },
          isRemoved: false,
          changedMs: 1_700_000_000_000,
          by: 'n',
        },
      ],
    },
    wire: [
      'b0646e616d6564626f78316470696e7381a5626279616e646e616d656961636d652f783a76316474696572646469736b6963',
      '68616e6765644d731b0000018bcfe568006c7265706c696361436f756e7402647a6f6e65626575676874747055726c746874',
      '74703a2f2f31302e302e302e313a383038306771756575654d73f94a406774656e616e747381a8626279616e646e616d6566',
      '7465616d2d616671756f746173a566776569676874056770696e734d617804697175657565644d6178036b72657175657374',
      '734d6178016f7265717565737473506572534d61780266746f6b656e7381a266736861323536784065656565656565656565',
      '6565656565656565656565656565656565656565656565656565656565656565656565656565656565656565656565656565',
      '6565656569637265617465644d731b0000018bcfe56800677265766f6b656481a26673686132353678406666666666666666',
      '6666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666',
      '666666666666697265766f6b65644d731b0000018bcfe56801696368616e6765644d731b0000018bcfe5680069697352656d',
      '6f766564f46a6e616d6573706163657381a2646e616d656461636d6569697350726976617465f56776657273696f6e65302e',
      '312e3068647261696e696e67f46961646472657373657381762f6970342f31302e302e302e312f7463702f34303031697374',
      '61727465644d731b0000018bcfe568006b62756c6b416464726573736d31302e302e302e313a343030326c7265616e6e6f75',
      '6e63654d731a00015f906d6469736b467265654279746573096f6d656d6f7279467265654279746573056f70726f746f636f',
      '6c56657273696f6e01706d656d6f72794c696d6974427974657307',
    ].join(''),
  },
  {
    kind: 'residency',
    body: {
      models: [
        { model: 'a'.repeat(64), tier: 'device', sizeBytes: 3 },
        { model: 'b'.repeat(64), tier: 'memory', sizeBytes: 300 },
        { model: 'c'.repeat(64), tier: 'disk', sizeBytes: 70_000 },
      ],
      fetching: ['d'.repeat(64)],
    },
    wire: [
      'a46573697a6573830319012c1a0001117065746965727343000102666d6f64656c735860aaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',
      'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc686665746368696e675820dddddddddddddd',
      'dddddddddddddddddddddddddddddddddddddddddddddddddd',
    ].join(''),
  },
  {
    kind: 'demand',
    body: { rates: [{ model: 'a'.repeat(64), ratePerS: 2.5 }] },
    wire: [
      'a265726174657381f94100666d6f64656c735820aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      'aaaa',
    ].join(''),
  },
  {
    kind: 'suspicion',
    body: { suspects: [{ node: suspect, epoch: 1, sequence: 2 }] },
    wire: [
      'a3656e6f6465735820000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f6665706f6368738101',
      '6973657175656e6365738102',
    ].join(''),
  },
]

test.each(cases)('a $kind travels as it always has', ({ kind, body, wire }) => {
  const entry = { kind, node: suspect, epoch: 1, sequence: 2, body } as Entry
  expect(Buffer.from(encodeCbor(encodeBody(entry, entryIds))).toString('hex')).toBe(wire)
  const decoded = decodeBody(entry.kind, decodeCbor(Buffer.from(wire, 'hex'), 'body') as PlainMap, entryIds)
  expect(checkEntry({ ...entry, body: decoded })).toEqual(entry)
})

test('every kind and every field has bytes to hold it to', () => {
  expect(cases.map(({ kind }) => kind)).toEqual([...entryKinds])
  for (const { kind, body } of cases) {
    expect(Object.keys(body)).toEqual(expect.arrayContaining(Object.keys(entryFormat[kind as Entry['kind']].fields)))
  }
})

test('a node that does not know a tier has none of it', () => {
  const { diskFreeBytes: _, ...older } = decodeCbor(Buffer.from(cases[0]!.wire, 'hex'), 'body') as Record<
    string,
    unknown
  >
  const body = decodeBody('state', older, entryIds)
  expect(checkEntry({ kind: 'state', node: suspect, epoch: 1, sequence: 2, body }).body).toMatchObject({
    tiers: { memory: { freeBytes: 5, limitBytes: 7 }, disk: { freeBytes: 0, limitBytes: null } },
  })
})

test('a state with as many pins and tenants as nodes take, and as long ones, fits into one message', () => {
  const { pinsMax, tenantsMax, tokensMax, revokedMax, namespacesMax } = defaultEntryLimits
  const many = <T>(count: number, one: (at: number) => T) => Array.from({ length: count }, (_, at) => one(at))
  const named = (at: number, length: number) => String(at).padEnd(length, 'x')
  const changed = { changedMs: 1_700_000_000_000, by: suspect }
  const hashed = (at: number) => ({ sha256: String(at).padStart(64, '0') })
  const body = {
    ...cases[0]!.body,
    pins: many(pinsMax, (at) => ({ name: named(at, 200), replicaCount: 1_024, tier: 'memory', ...changed })),
    tenants: many(tenantsMax, (at) => ({
      name: named(at, 63),
      tokens: many(tokensMax, (token) => ({ ...hashed(token), createdMs: changed.changedMs })),
      revoked: many(revokedMax, (token) => ({ ...hashed(token), revokedMs: changed.changedMs })),
      namespaces: many(namespacesMax, (one) => ({ name: named(one, modelNamePartLengthMax), isPrivate: true })),
      quotas: quotasOf({ requestsMax: 65_536, requestsPerSMax: 1_000_000, queuedMax: 65_536, pinsMax: 1_024 }),
      isRemoved: false,
      ...changed,
    })),
  }
  const entry = { kind: 'state', node: suspect, epoch: 1, sequence: 2, body } as unknown as Entry
  const sizeBytes = encodeCbor(encodeBody(entry, entryIds)).byteLength
  expect(sizeBytes).toBeLessThan(defaultGossipOptions.messageBytes - 2_048)
})
