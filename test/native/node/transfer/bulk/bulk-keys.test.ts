import { afterEach, describe, expect, test } from 'vitest'
import { toBlobId } from '../../../../../common/types.ts'
import { ClusterKey, ClusterKeyring } from '../../../../../node/net/index.ts'
import { fetchBytes, peerOf } from '../../../../support/chunk-buffer.ts'
import { BulkNodes } from './bulk-nodes.ts'

const [first, second, third] = [ClusterKey.generate(), ClusterKey.generate(), ClusterKey.generate()] as const

describe('keys and bans of the bulk transport', () => {
  const nodes = new BulkNodes()
  afterEach(() => nodes.stop())
  const chunk = {
    blob: toBlobId('a'.repeat(64)),
    file: 'c'.repeat(64),
    chunk: 'b'.repeat(64),
    offsetBytes: 0,
    sizeBytes: 3,
  }
  const context = { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }
  const serve = async () => Uint8Array.of(1, 2, 3)

  test.each([
    { id: 'accepted there, current here', asker: [second, first], server: [first], admitted: true },
    { id: 'current there, accepted here', asker: [first], server: [second, first], admitted: true },
    { id: 'none', asker: [first, third], server: [second], admitted: false },
  ])('takes any common key: $id', async ({ asker, server, admitted }) => {
    const a = await nodes.start({ clusterKey: new ClusterKeyring(asker) })
    const b = await nodes.start({ clusterKey: new ClusterKeyring(server), serve })
    const got = fetchBytes(a.bulk, peerOf(b), { ...chunk, context })
    if (admitted) expect(await got).toEqual(Uint8Array.of(1, 2, 3))
    else await expect(got).rejects.toMatchObject({ code: 'WRONG_CLUSTER_KEY' })
  })

  test('refuses a banned node, in and out', async () => {
    const banned = new Set<string>()
    const a = await nodes.start()
    const b = await nodes.start({ serve, isBanned: (node) => banned.has(node) })
    banned.add(a.node)
    await expect(fetchBytes(a.bulk, peerOf(b), { ...chunk, context })).rejects.toMatchObject({
      code: 'PEER_BANNED',
    })
    await expect(fetchBytes(b.bulk, peerOf(a), { ...chunk, context })).rejects.toMatchObject({
      code: 'PEER_BANNED',
    })
  })
})
