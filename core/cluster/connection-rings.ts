/**
 * The graph of connections: every member has a place on a number of rings, drawn by hash, and is connected with the two beside it on
 * each (Law and Siu, "Distributed construction of random expander networks", 2003). Half of the rings hold all members, half only
 * those of one zone, so that half of the neighbours are near.
 *
 * All nodes that know the same members compute the same graph without a word between them, and both ends of a connection want it.
 * A random graph of this kind holds together when a fifth of its nodes leave at once, and a node that comes or goes concerns
 * those beside it alone. Nobody has more neighbours than any other: dialling the first members by id instead would make hubs of these.
 */
import { hashText, type NodeId, pairWeight, type Zone } from '../../common/index.ts'
import { compareIds } from './interner.ts'

export interface ConnectionRingsOptions {
  /** Neighbours that a node aims at; in a cluster of so many others they are all. A connection costs some 100 kB and a ping every few seconds. */
  readonly aim: number
  /** How many of them are of the node's zone. A zone without so many others is connected in full. */
  readonly nearAim: number
  /** Members on a ring that are looked at, one after another, for one that can be used. */
  readonly stepsMax: number
}

export const defaultConnectionRingsOptions: ConnectionRingsOptions = { aim: 64, nearAim: 32, stepsMax: 4 }

/** Why two nodes are neighbours: the cluster is small, or they are side by side on a ring of their zone, or of all. */
export type Neighbourhood = 'everyone' | 'near' | 'far'

export interface Place {
  readonly node: NodeId
  readonly zone: Zone
}

interface Member extends Place {
  readonly hash: number
}

interface Ring {
  readonly key: number
  /** In the order of their places, which stand beside them; of two at one place the lower id first. */
  readonly members: Member[]
  readonly places: number[]
}

/** From so many new members on a ring is sorted again instead of taking them in one by one. */
const sortedTogether = 16

export class ConnectionRings {
  private readonly options: ConnectionRingsOptions
  private readonly members = new Map<NodeId, Member>()
  private readonly farRings: readonly Ring[]
  private readonly nearRings = new Map<Zone, readonly Ring[]>()
  private changes = 0

  constructor(places: Iterable<Place> = [], options: ConnectionRingsOptions = defaultConnectionRingsOptions) {
    this.options = options
    this.farRings = createRings('far', (options.aim - options.nearAim) / 2)
    this.put(places)
  }

  /** Rises with every change of a member or its zone. */
  get revision(): number {
    return this.changes
  }

  get size(): number {
    return this.members.size
  }

  has(node: NodeId): boolean {
    return this.members.has(node)
  }

  nodes(): IterableIterator<NodeId> {
    return this.members.keys()
  }

  /** Members that are new, or now in another zone. */
  put(places: Iterable<Place>): void {
    const added: Member[] = []
    for (const { node, zone } of places) {
      if (this.members.get(node)?.zone === zone) continue
      this.remove(node)
      const member = { node, zone, hash: hashText(node) }
      this.members.set(node, member)
      added.push(member)
    }
    if (added.length === 0) return
    this.changes += 1
    for (const ring of this.farRings) takeIn(ring, added)
    for (const [zone, ofZone] of Map.groupBy(added, (member) => member.zone)) {
      const rings = this.nearRings.get(zone) ?? createRings('near', this.options.nearAim / 2)
      this.nearRings.set(zone, rings)
      for (const ring of rings) takeIn(ring, ofZone)
    }
  }

  remove(node: NodeId): void {
    const member = this.members.get(node)
    if (member === undefined) return
    this.changes += 1
    this.members.delete(node)
    for (const ring of [...this.farRings, ...this.nearRings.get(member.zone)!]) {
      const at = indexOf(ring, member)
      ring.members.splice(at, 1)
      ring.places.splice(at, 1)
    }
  }

  /** True for a node that is not known too: nothing speaks against it yet. */
  areNeighbours(self: NodeId, other: NodeId): boolean {
    return !this.has(self) || !this.has(other) || this.neighbours(self, () => true).has(other)
  }

  /** Near and far ones in turn. `isUsable` is asked for members in the order in which they stand beside the node. */
  neighbours(self: NodeId, isUsable: (node: NodeId) => boolean): Map<NodeId, Neighbourhood> {
    const member = this.members.get(self)
    if (member === undefined) return new Map()
    if (this.size - 1 <= this.options.aim) return asMap(othersOf(member, this.members.values(), isUsable), 'everyone')
    const nearRings = this.nearRings.get(member.zone)!
    const ofZone = nearRings[0]?.members ?? []
    const near =
      ofZone.length - 1 <= this.options.nearAim
        ? othersOf(member, ofZone, isUsable)
        : this.beside(member, nearRings, isUsable)
    const far = this.beside(member, this.farRings, isUsable)
    const found = new Map<NodeId, Neighbourhood>()
    for (let at = 0; at < Math.max(near.length, far.length); at += 1) {
      // A near one that is beside the node on a ring of all members too is a near one.
      if (at < near.length) found.set(near[at]!, 'near')
      if (at < far.length && !found.has(far[at]!)) found.set(far[at]!, 'far')
    }
    return found
  }

  private beside(self: Member, rings: readonly Ring[], isUsable: (node: NodeId) => boolean): NodeId[] {
    const found: NodeId[] = []
    for (const ring of rings) {
      const { members } = ring
      const [at, count] = [indexOf(ring, self), members.length]
      const stepsMax = Math.min(this.options.stepsMax, count - 1)
      for (let direction = 1; direction >= -1; direction -= 2) {
        for (let step = 1; step <= stepsMax; step += 1) {
          const { node } = members[(at + direction * step + count) % count]!
          if (!isUsable(node)) continue
          found.push(node)
          break
        }
      }
    }
    return found
  }
}

function createRings(name: string, count: number): Ring[] {
  return Array.from({ length: Math.floor(count) }, (_, at) => ({
    key: hashText(`${name} ${at}`),
    members: [],
    places: [],
  }))
}

function takeIn({ key, members, places }: Ring, added: readonly Member[]): void {
  if (added.length < sortedTogether) {
    for (const member of added) {
      const at = indexOf({ key, members, places }, member)
      members.splice(at, 0, member)
      places.splice(at, 0, pairWeight(key, member.hash))
    }
    return
  }
  for (const member of added) members.push(member)
  members.sort((a, b) => order(key, a, b))
  for (const [at, { hash }] of members.entries()) places[at] = pairWeight(key, hash)
}

/** Where the member stands on the ring, or would. */
function indexOf({ key, members, places }: Ring, member: Member): number {
  const place = pairWeight(key, member.hash)
  let [low, high] = [0, places.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (places[middle]! < place) low = middle + 1
    else high = middle
  }
  while (places[low] === place && compareIds(members[low]!.node, member.node) < 0) low += 1
  return low
}

function order(key: number, a: Member, b: Member): number {
  return pairWeight(key, a.hash) - pairWeight(key, b.hash) || compareIds(a.node, b.node)
}

/** In another order at each node, so that nodes which join do not all begin with the same one. */
function othersOf(self: Member, members: Iterable<Member>, isUsable: (node: NodeId) => boolean): NodeId[] {
  return [...members]
    .filter(({ node }) => node !== self.node)
    .sort((a, b) => order(self.hash, a, b))
    .map(({ node }) => node)
    .filter(isUsable)
}

function asMap(nodes: readonly NodeId[], neighbourhood: Neighbourhood): Map<NodeId, Neighbourhood> {
  return new Map(nodes.map((node) => [node, neighbourhood]))
}
