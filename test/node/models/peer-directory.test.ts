import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../common/errors.ts'
import type { ModelDirectory } from '../../../node/models/model-directory.ts'
import { PeerDirectory } from '../../../node/models/peer-directory.ts'
import { encodeManifest, type Manifest, type Ref } from '../../../origin/index.ts'
import { bytesOf, modelOf } from '../../support/models.ts'
import { DriverFixture } from '../cluster/driver-fixture.ts'

const model = modelOf({ w: bytesOf(10, 'w') })
const name = { namespace: 'acme', name: 'm', tag: 'v1' }

function directoryOf(peers: readonly string[], options = {}) {
  const { driver, network, clock } = new DriverFixture()
  const ports = { driver, network, clock, nearestPeers: () => [...peers], holdersOf: () => [...peers] }
  return { network, directory: new PeerDirectory(ports, options) }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

describe('PeerDirectory', () => {
  it('asks the nearest for a tag, and leaves out who does not know or does not answer', async () => {
    const { network, directory } = directoryOf(['a', 'b', 'c', 'd'], { refPeersMax: 3 })
    network.onCall = async (node, method, payload) => {
      expect([method, Buffer.from(payload).toString()]).toEqual(['ref', 'acme/m:v1'])
      if (node === 'a') return new Uint8Array()
      if (node === 'b') throw new HoldfastError('DEADLINE_EXCEEDED', 'slow')
      return Buffer.from(node)
    }
    expect(await directory.refs(name)).toEqual([{ node: 'c', bytes: Buffer.from('c') }])
    expect(network.calls).toHaveLength(3)
  })

  it('asks holders for a manifest one after the other, as long as the caller is not content, up to a limit', async () => {
    const { network, directory } = directoryOf(['a', 'b', 'c'], { manifestPeersMax: 2 })
    network.onCall = async (_node, _method, payload) => {
      expect(Buffer.from(payload).toString('hex')).toBe(model.id)
      return model.manifestBytes
    }
    for await (const { node } of directory.manifests(model.id, 'holders')) {
      expect(node).toBe('a')
      break
    }
    expect(network.calls).toHaveLength(1)
    expect(await all(directory.manifests(model.id, 'holders'))).toHaveLength(2)
  })

  it('asks others than holders for a manifest too, when it is told to', async () => {
    const { driver, network, clock } = new DriverFixture()
    const ports = { driver, network, clock, nearestPeers: () => ['a', 'b', 'c'], holdersOf: () => ['b'] }
    network.onCall = async () => model.manifestBytes
    const answers = await all(new PeerDirectory(ports).manifests(model.id, 'others'))
    expect(answers.map(({ node }) => node)).toEqual(['a', 'c'])
  })

  it('serves what the node knows, nothing for what it does not, and refuses what is no question', async () => {
    const { network, directory } = directoryOf([])
    const ref = { model: 'acme/m' } as Ref
    const known = {
      knownRef: ({ tag }: { tag: string }) => (tag === 'v1' ? ref : null),
      knownManifest: async (digest: string): Promise<Manifest | null> => (digest === model.id ? model.manifest : null),
    } as unknown as ModelDirectory
    directory.serve(known)
    const ask = (method: string, payload: Uint8Array) => network.receive('peer', method, payload)
    expect(JSON.parse(Buffer.from(await ask('ref', Buffer.from('acme/m:v1'))).toString())).toEqual(ref)
    expect(await ask('ref', Buffer.from('acme/m:v2'))).toHaveLength(0)
    await expect(ask('ref', Buffer.from('../../etc'))).rejects.toMatchObject({ code: 'BAD_MODEL_NAME' })
    expect(Buffer.from(await ask('manifest', Buffer.from(model.id, 'hex')))).toEqual(
      Buffer.from(encodeManifest(model.manifest)),
    )
    expect(await ask('manifest', new Uint8Array(32))).toHaveLength(0)
    await expect(ask('manifest', new Uint8Array(31))).rejects.toMatchObject({ code: 'PEER_PROTOCOL' })
  })
})
