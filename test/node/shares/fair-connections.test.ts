/** Decides which connection gives way at the door. */
import { describe, expect, it } from 'vitest'
import { FairConnections } from '../../../node/shares/index.ts'

function door(connectionsMax: number, perOwnerMax: number) {
  const gone: string[] = []
  const fair = new FairConnections<string>({ connectionsMax, perOwnerMax }, (connection) => gone.push(connection))
  return { fair, gone }
}

describe('who gives way', () => {
  it('is the oldest of an address that has its share', () => {
    const { fair, gone } = door(10, 2)
    for (const name of ['a1', 'a2', 'a3']) fair.enter(name, 'a')
    fair.enter('b1', 'b')
    expect([gone, fair.count]).toEqual([['a1'], 3])
  })

  it('is of the address with the most when all together are too many, not of a known one', () => {
    const { fair, gone } = door(4, 4)
    fair.enter('k0', 'k')
    expect(fair.passed('k0')).toBe(true)
    for (const name of ['k1', 'k2', 'k3']) fair.enter(name, 'k')
    fair.enter('a1', 'a')
    fair.enter('b1', 'b')
    expect(gone).toEqual(['a1'])
  })

  it('is a silent one before one that goes on with its handshake', () => {
    const { fair, gone } = door(2, 2)
    fair.enter('honest', 'a')
    fair.spoke('honest')
    fair.enter('silent', 'a')
    fair.enter('later', 'a')
    expect(gone).toEqual(['silent'])
  })

  it('is nobody when one has left or passed; a place is taken and left once', () => {
    const { fair, gone } = door(2, 2)
    fair.enter('a1', 'a')
    fair.enter('a1', 'a')
    fair.leave('a1')
    fair.leave('a1')
    expect(fair.passed('a1')).toBe(false)
    for (const name of ['a2', 'a3']) fair.enter(name, 'a')
    expect([gone, fair.count]).toEqual([[], 2])
  })

  it('is never an honest one among any number of silent ones, as long as it speaks', () => {
    const { fair, gone } = door(16, 8)
    fair.enter('honest', 'a')
    fair.spoke('honest')
    for (let at = 0; at < 1_000; at += 1) fair.enter(`silent ${at}`, 'a')
    expect(gone).not.toContain('honest')
    expect(fair.count).toBe(8)
  })
})
