/**
 * Where the ledgers of a simulated cluster keep their entries: pages of a few nodes each, which they share. A page is never written
 * again; a changed one takes its place.
 *
 * Ten thousand ledgers of ten thousand nodes would be a hundred million slots of each kind. But they hold almost the same: a
 * message reaches all of them within a second. So an entry that arrives leads from one page to the next, that step is remembered
 * at the page, and the same step leads to the same page. Steps in another order come to pages of equal content, which
 * are found by their hash, so ledgers that believe the same lie on the same pages again.
 *
 *   page A --entry e--> page B        remembered at A: (e, B, what changed for which models)
 */

import type { ModelId, Zone } from '../../common/index.ts'
import {
  diffEntries,
  entryKinds,
  type Holder,
  indexOfSorted,
  kindNumbers,
  type ModelChange,
  markOf,
  type SignedEntry,
  toMicro,
  versionHash,
} from '../../core/index.ts'

const pageBits = 4
const nodesPerPage = 1 << pageBits

/** The number of the page that a node lies on, and its place there. */
export const pageNumberOf = (index: number): number => index >>> pageBits
export const placeOnPage = (index: number): number => index & (nodesPerPage - 1)
const kindCount = entryKinds.length
const slotCount = nodesPerPage * kindCount
/** Pages of equal nodes that are kept to be found again. More than a page has slots: ledgers that are filled in one order meet. */
const knownPagesMax = 96

export class LedgerPage {
  readonly slots: readonly (SignedEntry | null)[]
  /** Xor of the version hashes of all entries. */
  readonly hash: number
  step: PageStep | null = null
  // Results read off the slots of one kind, until another entry of that kind takes its slot.
  private states: StateColumns | null = null
  private holders: Map<ModelId, readonly Holder[]> | null = null
  private fetching: readonly Fetcher[] | null = null
  private demand: ReadonlyMap<ModelId, readonly Wanter[]> | null = null

  constructor(slots: readonly (SignedEntry | null)[], hash: number) {
    this.slots = slots
    this.hash = hash
  }

  at(index: number, kindNumber: number): SignedEntry | null {
    return this.slots[slotOf(index, kindNumber)]!
  }

  hasNode(index: number): boolean {
    const first = placeOnPage(index) * kindCount
    for (let at = first; at < first + kindCount; at += 1) if (this.slots[at] !== null) return true
    return false
  }

  isLike(other: LedgerPage): boolean {
    return this.hash === other.hash && this.slots.every((signed, at) => signed === other.slots[at])
  }

  /** What the states on this page say, for those who look through all nodes. */
  get stateColumns(): StateColumns {
    this.states ??= columnsOf(this.slots)
    return this.states
  }

  /** This page follows on `from`: an entry of the kind has taken its slot. */
  follows(from: LedgerPage, kindNumber: number): void {
    this.states = kindNumber === kindNumbers.state ? null : from.states
    this.holders = kindNumber === kindNumbers.residency ? null : from.holders
    this.fetching = kindNumber === kindNumbers.residency ? null : from.fetching
    this.demand = kindNumber === kindNumbers.demand ? null : from.demand
  }

  /** In order of indices. */
  holdersOf(model: ModelId, pageNumber: number): readonly Holder[] {
    this.holders ??= new Map()
    const known = this.holders.get(model)
    if (known !== undefined) return known
    const found = this.searchHolders(model, pageNumber)
    this.holders.set(model, found)
    return found
  }

  /** Nodes that fetch anything. */
  fetchers(pageNumber: number): readonly Fetcher[] {
    if (this.fetching !== null) return this.fetching
    const found: Fetcher[] = []
    for (let local = 0; local < nodesPerPage; local += 1) {
      const entry = this.slots[local * kindCount + kindNumbers.residency]?.entry
      if (entry?.kind !== 'residency' || entry.body.fetching === undefined) continue
      found.push({ index: pageNumber * nodesPerPage + local, models: entry.body.fetching })
    }
    this.fetching = found
    return found
  }

  /** Demand for the model by node. */
  wanters(model: ModelId, pageNumber: number): readonly Wanter[] {
    this.demand ??= this.demandByModel(pageNumber)
    return this.demand.get(model) ?? noWanters
  }

  private demandByModel(pageNumber: number): Map<ModelId, Wanter[]> {
    const wanters = new Map<ModelId, Wanter[]>()
    for (let local = 0; local < nodesPerPage; local += 1) {
      const entry = this.slots[local * kindCount + kindNumbers.demand]?.entry
      if (entry?.kind !== 'demand') continue
      for (const { model, ratePerS } of entry.body.rates) {
        const wanter = { index: pageNumber * nodesPerPage + local, rateMicro: toMicro(ratePerS) }
        const known = wanters.get(model)
        if (known === undefined) wanters.set(model, [wanter])
        else known.push(wanter)
      }
    }
    return wanters
  }

  private searchHolders(model: ModelId, pageNumber: number): readonly Holder[] {
    let found: Holder[] | null = null
    for (let local = 0; local < nodesPerPage; local += 1) {
      const entry = this.slots[local * kindCount + kindNumbers.residency]?.entry
      if (entry?.kind !== 'residency') continue
      const { models } = entry.body
      const at = indexOfSorted(models, model, (item) => item.model)
      if (at < 0) continue
      found ??= []
      found.push({ index: pageNumber * nodesPerPage + local, resident: models[at]! })
    }
    return found ?? none
  }
}

/** By node of the page: its zone, null where no state is known, its queue, and its marks. */
export interface StateColumns {
  readonly zones: readonly (Zone | null)[]
  readonly queuesMs: readonly number[]
  readonly marks: readonly number[]
}

function columnsOf(slots: readonly (SignedEntry | null)[]): StateColumns {
  const [zones, queuesMs, marks]: [(Zone | null)[], number[], number[]] = [[], [], []]
  for (let local = 0; local < nodesPerPage; local += 1) {
    const entry = slots[slotOf(local, kindNumbers.state)]?.entry
    const body = entry?.kind === 'state' ? entry.body : null
    zones.push(body?.zone ?? null)
    queuesMs.push(body?.queueMs ?? 0)
    marks.push(markOf(body))
  }
  return { zones, queuesMs, marks }
}

function slotOf(index: number, kindNumber: number): number {
  return placeOnPage(index) * kindCount + kindNumber
}

const none: readonly Holder[] = []
const noWanters: readonly Wanter[] = []

interface Fetcher {
  readonly index: number
  readonly models: readonly ModelId[]
}

interface Wanter {
  readonly index: number
  readonly rateMicro: number
}

export interface PageStep {
  readonly slot: number
  readonly signed: SignedEntry | null
  readonly next: LedgerPage
  /** Xor of the version hashes of what went and what came. */
  readonly hashChange: number
  readonly changes: readonly ModelChange[]
}

/** The pages of all ledgers of one process. */
export class LedgerPages {
  private readonly known: Map<number, LedgerPage>[] = []

  /** What becomes of a page (null: an empty one) when the entry takes the slot; null for the entry empties it. */
  write(
    page: LedgerPage | null,
    index: number,
    kindNumber: number,
    nodeHash: number,
    signed: SignedEntry | null,
  ): PageStep {
    const slot = slotOf(index, kindNumber)
    if (page?.step != null && page.step.signed === signed && page.step.slot === slot) return page.step
    const from = page ?? new LedgerPage(new Array<SignedEntry | null>(slotCount).fill(null), 0)
    const held = from.slots[slot]!
    const hashChange = hashOf(held, nodeHash) ^ hashOf(signed, nodeHash)
    const changes = diffEntries(held?.entry ?? null, signed?.entry ?? null, index)
    const next = this.copy(from, index, kindNumber, signed, hashChange)
    const step = { slot, signed, next, hashChange, changes }
    if (page !== null) page.step = step
    return step
  }

  private copy(
    from: LedgerPage,
    index: number,
    kindNumber: number,
    signed: SignedEntry | null,
    hashChange: number,
  ): LedgerPage {
    const slot = slotOf(index, kindNumber)
    const hash = from.hash ^ hashChange
    const pageNumber = pageNumberOf(index)
    this.known[pageNumber] ??= new Map()
    const known = this.known[pageNumber]
    const equal = known.get(hash)
    if (equal !== undefined && isStep(from.slots, slot, signed, equal.slots)) {
      // Found again: the last to be forgotten.
      known.delete(hash)
      known.set(hash, equal)
      return equal
    }
    const slots = from.slots.slice()
    slots[slot] = signed
    const page = new LedgerPage(slots, hash)
    page.follows(from, kindNumber)
    known.delete(hash)
    known.set(hash, page)
    if (known.size > knownPagesMax) forgetFirst(known)
    return page
  }
}

/** Its step goes with it: a ledger that was left behind would hold all pages since by the chain of steps. */
function forgetFirst(known: Map<number, LedgerPage>): void {
  for (const [hash, page] of known) {
    page.step = null
    known.delete(hash)
    return
  }
}

function hashOf(signed: SignedEntry | null, nodeHash: number): number {
  return signed === null ? 0 : versionHash(nodeHash, signed.entry.kind, signed.entry)
}

function isStep(
  from: readonly (SignedEntry | null)[],
  slot: number,
  signed: SignedEntry | null,
  to: readonly (SignedEntry | null)[],
): boolean {
  for (let at = 0; at < slotCount; at += 1) if (to[at] !== (at === slot ? signed : from[at])) return false
  return true
}
