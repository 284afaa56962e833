import { describe, expect, it } from 'vitest'
import type { PinReader } from '../../../core/cluster/pin-set.ts'
import { PinProtection } from '../../../core/replication/pin-protection.ts'
import type { PinnedModel } from '../../../placement/index.ts'

const record = { name: 'acme/x:v1', replicaCount: 2, tier: 'memory' as const, changedMs: 1, by: 'peer' }
const pin: PinnedModel = {
  name: record.name,
  replicaCount: 2,
  tier: 'memory',
  model: 'x',
  sizeBytes: 1,
  isMine: true,
  places: ['self'],
  isHeld: true,
  isArriving: false,
  keptCount: 1,
}

class Pins implements PinReader {
  version = 0
  records = [record]
  all = () => this.records
  active = () => this.records
}

function protectionOf(view: Partial<PinnedModel>): PinProtection {
  const pins = new Pins()
  const protection = new PinProtection(() => pins)
  protection.noteView([{ ...pin, ...view }])
  return protection
}

describe('a pin', () => {
  it.each<{ id: string; view: Partial<PinnedModel>; memory: boolean; disk: boolean }>([
    { id: 'that this node keeps', view: {}, memory: true, disk: true },
    { id: 'of the disk that this node keeps', view: { tier: 'disk' }, memory: false, disk: true },
    { id: 'of others who have it', view: { isMine: false, keptCount: 2 }, memory: false, disk: false },
    { id: 'of others who do not have it yet', view: { isMine: false, keptCount: 1 }, memory: true, disk: true },
    { id: 'of another model', view: { model: 'y' }, memory: false, disk: false },
    { id: 'that nobody could look up', view: { model: null }, memory: false, disk: false },
  ])('$id: protected in memory $memory, on disk $disk', ({ view, memory, disk }) => {
    const protection = protectionOf(view)
    expect([protection.isPinned('x', 'memory'), protection.isPinned('x', 'disk')]).toEqual([memory, disk])
  })

  it('that is removed protects nothing from then on', () => {
    const pins = new Pins()
    const protection = new PinProtection(() => pins)
    protection.noteView([pin])
    expect([protection.isPinned('x', 'memory'), protection.kept()]).toEqual([true, ['x']])
    pins.records = []
    pins.version += 1
    expect([protection.isPinned('x', 'memory'), protection.kept()]).toEqual([false, []])
  })
})

describe('a pinned name that moves', () => {
  it('protects the revision before until the new one is here, however often it moves meanwhile', () => {
    const protection = protectionOf({})
    expect(protection.noteMeaning(record.name, 'x')).toBe(true)
    expect(protection.noteMeaning(record.name, 'x')).toBe(false)
    expect(protection.noteMeaning(record.name, 'y')).toBe(true)
    expect(protection.noteMeaning(record.name, 'z')).toBe(true)
    protection.noteView([{ ...pin, model: 'z', isHeld: false }])
    const isPinned = () => ['x', 'y', 'z'].map((model) => protection.isPinned(model, 'memory'))
    expect(isPinned()).toEqual([true, false, true])
    protection.noteView([{ ...pin, model: 'z' }])
    expect(isPinned()).toEqual([false, false, true])
  })

  it('is looked up by those who keep or have it, and forgotten when it is pinned no more', () => {
    const pins = new Pins()
    const protection = new PinProtection(() => pins)
    const namesFor = (view: Partial<PinnedModel>) => {
      protection.noteView([{ ...pin, ...view }])
      return protection.namesToLookUp()
    }
    expect(namesFor({ isHeld: false })).toEqual([record.name])
    expect(namesFor({ isMine: false })).toEqual([record.name])
    expect(namesFor({ isMine: false, isHeld: false })).toEqual([])
    protection.noteMeaning(record.name, 'x')
    pins.records = []
    protection.namesToLookUp()
    expect(protection.meaning(record.name)).toBe(null)
  })
})
