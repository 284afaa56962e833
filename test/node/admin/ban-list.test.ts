import { beforeEach, describe, expect, it } from 'vitest'
import { BanList } from '../../../node/admin/ban-list.ts'
import { Identity } from '../../../node/net/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { MemoryState } from '../../support/memory-state.ts'

const [self, other] = await Promise.all([Identity.generate(), Identity.generate()]).then((ids) =>
  ids.map(({ node }) => node),
)
let state: MemoryState
let applied: string[]
beforeEach(() => {
  state = new MemoryState()
  applied = []
})

function list(): BanList {
  const bans = new BanList({ self: self!, state, clock: new ManualClock() })
  bans.onChange(async (node, banned) => {
    applied.push(`${banned ? 'ban' : 'unban'} ${node === other ? 'other' : node}`)
  })
  return bans
}

describe('a ban', () => {
  it('is applied, kept over a restart, and ended', async () => {
    const bans = list()
    const { sinceMs } = await bans.ban(other!)
    expect([bans.has(other!), bans.has(self!)]).toEqual([true, false])
    const again = list()
    await again.load()
    expect(again.list()).toEqual([{ node: other, sinceMs }])
    expect((await again.ban(other!)).sinceMs).toBe(sinceMs)
    expect([await again.unban(other!), await again.unban(other!)]).toEqual([true, false])
    expect(applied).toEqual(['ban other', 'ban other', 'ban other', 'unban other'])
    expect([...state.records]).toEqual([])
  })

  it.each(['', 'nonsense', 'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG', '../ref/acme/x'])(
    'of %j, which is no node id, is refused',
    async (node) => {
      await expect(list().ban(node)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
      expect([...state.records]).toEqual([])
    },
  )

  it('of the node itself is refused', async () => {
    await expect(list().ban(self!)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  })
})
