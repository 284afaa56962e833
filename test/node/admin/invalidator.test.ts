import { beforeEach, describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../common/errors.ts'
import { Invalidator } from '../../../node/admin/invalidator.ts'
import { silentLog } from '../../../node/system/log.ts'
import { formatModelName, parseModelName } from '../../../origin/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { digestOf, FakeDirectory } from './fixture.ts'

const name = parseModelName('acme/x:v1')

type Handler = (from: string, payload: Uint8Array) => Promise<Uint8Array>
interface Side {
  readonly directory: FakeDirectory
  readonly invalidated: string[]
  readonly invalidator: Invalidator
  handler: Handler
}

/** Nodes that call each other by id. */
function network(ids: readonly string[]): Map<string, Side> {
  const sides = new Map<string, Side>()
  for (const id of ids) {
    const directory = new FakeDirectory()
    directory.tags.set('acme/x:v1', digestOf('a'))
    const invalidated: string[] = []
    const side: Side = {
      directory,
      invalidated,
      handler: () => Promise.reject(new Error('not served')),
      invalidator: new Invalidator({
        directory,
        peers: () => ids.filter((other) => other !== id),
        call: (node, _method, payload) => sides.get(node)!.handler(id, payload),
        handle: (_method, handler) => {
          side.handler = handler
        },
        onInvalidated: (invalid) => invalidated.push(formatModelName(invalid)),
        clock: new ManualClock(),
        log: silentLog,
      }),
    }
    side.invalidator.serve()
    sides.set(id, side)
  }
  return sides
}

let sides: Map<string, Side>
beforeEach(() => {
  sides = network(['n1', 'n2', 'n3'])
})

describe('an invalidation', () => {
  it('is carried out here and told to every node, with the record; the report says what each has now', async () => {
    sides.get('n1')!.directory.refresh = async (asked) => {
      const before = sides.get('n1')!.directory
      before.tags.set('acme/x:v1', digestOf('b'))
      before.sequences.set('acme/x:v1', 2)
      return { ref: before.knownRef(asked)!, unconfirmed: null }
    }
    const report = await sides.get('n1')!.invalidator.invalidate(name)
    expect(report).toEqual({
      name: 'acme/x:v1',
      before: digestOf('a'),
      model: digestOf('b'),
      sequence: 2,
      unconfirmed: null,
      nodes: ['n2', 'n3'].map((node) => ({ node, model: digestOf('a'), error: null })),
    })
    for (const node of ['n2', 'n3']) {
      expect(sides.get(node)).toMatchObject({ invalidated: ['acme/x:v1'], directory: { received: ['n1 acme/x:v1'] } })
    }
    expect(sides.get('n1')!.invalidated).toEqual(['acme/x:v1'])
  })

  it('of a name that nobody asked for there looks nothing up and keeps nothing', async () => {
    const there = sides.get('n2')!
    there.directory.tags.clear()
    const { nodes } = await sides.get('n1')!.invalidator.invalidate(name)
    expect(nodes[0]).toEqual({ node: 'n2', model: null, error: null })
    expect(there).toMatchObject({ invalidated: [], directory: { received: [] } })
  })

  it('reports a node that is not reached, or talks nonsense, and goes on', async () => {
    sides.get('n2')!.handler = () => Promise.reject(new HoldfastError('PEER_UNREACHABLE', 'gone'))
    sides.get('n3')!.handler = async () => Buffer.from('null')
    const { nodes } = await sides.get('n1')!.invalidator.invalidate(name)
    expect(nodes).toEqual([
      { node: 'n2', model: null, error: 'PEER_UNREACHABLE: gone' },
      { node: 'n3', model: null, error: 'it answered without a model' },
    ])
  })

  it('says that the origin has not confirmed what the name means', async () => {
    sides.get('n1')!.directory.unconfirmed = { code: 'ORIGIN_UNAVAILABLE', message: 'It is away.' }
    const report = await sides.get('n1')!.invalidator.invalidate(name)
    expect(report).toMatchObject({ model: digestOf('a'), unconfirmed: 'ORIGIN_UNAVAILABLE: It is away.' })
  })

  it('of a name that nobody knows fails, and nobody is told', async () => {
    sides.get('n1')!.directory.tags.clear()
    await expect(sides.get('n1')!.invalidator.invalidate(name)).rejects.toMatchObject({ code: 'UNKNOWN_MODEL' })
    expect(sides.get('n2')!.invalidated).toEqual([])
  })
})

describe('a call of a peer', () => {
  it.each([
    { id: 'not JSON', payload: '{' },
    { id: 'null', payload: 'null' },
    { id: 'no name', payload: '{"ref":null}' },
    { id: 'a record that is no text', payload: '{"name":"acme/x:v1","ref":{}}' },
    { id: 'too long', payload: JSON.stringify({ name: 'acme/x:v1', ref: 'x'.repeat(20_000) }) },
  ])('that is malformed is refused and changes nothing: $id', async ({ payload }) => {
    await expect(sides.get('n2')!.handler('n1', Buffer.from(payload))).rejects.toMatchObject({ code: 'PEER_PROTOCOL' })
    expect(sides.get('n2')!.invalidated).toEqual([])
  })

  it('with an impossible name is refused as such', async () => {
    const payload = Buffer.from('{"name":"../../etc","ref":null}')
    await expect(sides.get('n2')!.handler('n1', payload)).rejects.toMatchObject({ code: 'BAD_MODEL_NAME' })
  })
})
