import { expect, test } from 'vitest'
import { Bootstrap } from '../../../node/net/bootstrap.ts'
import { silentLog } from '../../../node/system/log.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

function fixture() {
  const clock = new ManualClock()
  const [connected, members] = [new Set<string>(), new Set<string>()]
  const world = { isThere: true, dialCount: 0 }
  const bootstrap = new Bootstrap(
    {
      dial: async () => {
        world.dialCount += 1
        if (!world.isThere) throw new Error('nobody is there')
        connected.add('seed')
        return 'seed'
      },
      isConnected: (node) => connected.has(node),
      isMember: (node) => members.has(node),
      clock,
      randomInt: () => 0,
      log: silentLog,
    },
    { addresses: ['/ip4/10.0.0.1/tcp/4001'], backoffMs: 100, backoffMsMax: 1_000 },
  )
  const lose = () => {
    connected.delete('seed')
    bootstrap.onPeerDown('seed')
  }
  const advance = async (elapsedMs: number) => {
    clock.advance(elapsedMs)
    await settled()
  }
  return { bootstrap, world, members, lose, advance }
}

test('a node that is lost is dialled again, and again with longer pauses', async () => {
  const { bootstrap, world, lose, advance } = fixture()
  bootstrap.start()
  await settled()
  world.isThere = false
  lose()
  await advance(50)
  await advance(100)
  expect(world.dialCount).toBe(3)
  world.isThere = true
  await advance(1_000)
  expect(world.dialCount).toBe(4)
  await advance(10_000)
  expect(world.dialCount).toBe(4)
})

test('a node that closed the connection as a spare one is left alone while it is a member', async () => {
  const { bootstrap, world, members, lose, advance } = fixture()
  bootstrap.start()
  await settled()
  members.add('seed')
  lose()
  for (let look = 0; look < 10; look += 1) await advance(1_000)
  expect(world.dialCount).toBe(1)
  members.delete('seed')
  await advance(1_000)
  expect(world.dialCount).toBe(2)
})

test('a node that stops dials nobody any more', async () => {
  const { bootstrap, world, lose, advance } = fixture()
  bootstrap.start()
  await settled()
  bootstrap.stop()
  lose()
  await advance(10_000)
  expect(world.dialCount).toBe(1)
})
