/**
 * Many entries that all ledgers of one process take in one instant: a simulated cluster that knows itself from the start. What a
 * page becomes with its share of them is worked out once, entry by entry, and serves every ledger that comes with the same page.
 */
import type { NodeId } from '../../common/index.ts'
import {
  compareVersions,
  type GossipPace,
  isForegroundKind,
  kindNumbers,
  roughBytes,
  type SignedEntry,
} from '../../core/index.ts'
import { type LedgerPage, pageNumberOf } from './ledger-pages.ts'
import { PageSearch } from './page-search.ts'
import type { SharedLedgers } from './shared-ledgers.ts'

interface Placed {
  readonly index: number
  readonly kindNumber: number
  readonly signed: SignedEntry
}

/** What becomes of one page. */
export interface PageTurn {
  readonly pageNumber: number
  readonly start: LedgerPage | null
  readonly end: LedgerPage
  /** One for each entry that was taken. */
  readonly indices: readonly number[]
  readonly hashChanges: readonly number[]
  readonly newEntryCount: number
  readonly newNodeCount: number
}

export class FormedEntries {
  private readonly entries: readonly SignedEntry[]
  /** None is a suspicion or speaks of pins: taking them means nothing to the core beyond what the ledger believes. */
  readonly isPlain: boolean
  private readonly foregroundCount: number
  private readonly foregroundBytes: number
  private readonly shared: SharedLedgers
  private readonly placedByPage = new Map<number, Placed[]>()
  private readonly turnByPage = new Map<number, PageTurn>()
  /** The first page that each came to: equal content lies on the same page, whatever led there. */
  private readonly endByPage = new Map<number, LedgerPage>()
  private readonly searches: PageSearch[] = []

  constructor(entries: readonly SignedEntry[], shared: SharedLedgers) {
    this.entries = entries
    this.shared = shared
    this.isPlain = entries.every(({ entry }) => {
      if (entry.kind !== 'state') return entry.kind !== 'suspicion'
      return entry.body.pins === undefined && entry.body.tenants === undefined
    })
    const foreground = entries.filter(isForegroundKind)
    this.foregroundCount = foreground.length
    this.foregroundBytes = foreground.reduce((sum, signed) => sum + roughBytes(signed), 0)
    for (const signed of entries) {
      const index = shared.ids.index(signed.entry.node)
      const pageNumber = this.pageOf(signed.entry.node)
      const placed = this.placedByPage.get(pageNumber) ?? []
      placed.push({ index, kindNumber: kindNumbers[signed.entry.kind], signed })
      this.placedByPage.set(pageNumber, placed)
    }
  }

  /** Null when a ledger with such pages would not take all that others say: it has to be told entry by entry. */
  turns(pageAt: (pageNumber: number) => LedgerPage | null, selfIndex: number): PageTurn[] | null {
    const ownPageNumber = pageNumberOf(selfIndex)
    const turns: PageTurn[] = []
    for (const [pageNumber, placed] of this.placedByPage) {
      const start = pageAt(pageNumber)
      const isOwn = pageNumber === ownPageNumber
      const known = isOwn ? undefined : this.turnByPage.get(pageNumber)
      const turn = known?.start === start ? known : this.turn(pageNumber, placed, start, selfIndex)
      if (turn === null) return null
      if (!isOwn) this.turnByPage.set(pageNumber, turn)
      turns.push(turn)
    }
    return turns
  }

  /** For ledgers that have come to these pages. */
  searchOf(pages: readonly (LedgerPage | null)[]): PageSearch {
    const known = this.searches.find((search) => search.isOf(pages))
    if (known !== undefined) return known
    const search = new PageSearch(pages, this.shared.models)
    this.searches.push(search)
    return search
  }

  /** What the pace of a node counts, which has not heard its own. */
  tell(pace: GossipPace, self: NodeId, nowMs: number): void {
    const others = this.entries.find(({ entry }) => entry.node !== self)
    if (others === undefined) return
    const own = (this.placedByPage.get(this.pageOf(self)) ?? []).filter(({ signed }) => {
      return signed.entry.node === self && isForegroundKind(signed)
    })
    const ownBytes = own.reduce((sum, { signed }) => sum + roughBytes(signed), 0)
    pace.receivedAll(others, this.foregroundCount - own.length, this.foregroundBytes - ownBytes, nowMs)
  }

  private pageOf(node: NodeId): number {
    return pageNumberOf(this.shared.ids.index(node))
  }

  private turn(
    pageNumber: number,
    placed: readonly Placed[],
    start: LedgerPage | null,
    selfIndex: number,
  ): PageTurn | null {
    const indices: number[] = []
    const hashChanges: number[] = []
    let [page, newEntryCount, newNodeCount] = [start, 0, 0]
    for (const { index, kindNumber, signed } of placed) {
      if (index === selfIndex) continue
      const held = page?.at(index, kindNumber) ?? null
      // A newer state may refute a suspicion, or say no more what it said of pins: the core has to look at it.
      if (held !== null && (signed.entry.kind === 'state' || compareVersions(signed.entry, held.entry) <= 0))
        return null
      if (held === null) newEntryCount += 1
      if (page?.hasNode(index) !== true) newNodeCount += 1
      const step = this.shared.pages.write(page, index, kindNumber, this.shared.ids.hash(index), signed)
      page = step.next
      indices.push(index)
      hashChanges.push(step.hashChange)
    }
    if (page === null) return null
    const end = this.endOf(pageNumber, page)
    return { pageNumber, start, end, indices, hashChanges, newEntryCount, newNodeCount }
  }

  private endOf(pageNumber: number, page: LedgerPage): LedgerPage {
    const known = this.endByPage.get(pageNumber)
    if (known?.isLike(page) === true) return known
    this.endByPage.set(pageNumber, page)
    return page
  }
}
