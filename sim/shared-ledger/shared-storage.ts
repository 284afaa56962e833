/**
 * The storage of one simulated ledger: a list of pages (ledger-pages.ts), most of which others lie on too. The pages of ten thousand
 * ledgers would be a hundred million slots of each kind; shared, they are little more than those of one.
 */
import type { ModelId, NodeId, Zone } from '../../common/index.ts'
import {
  type EntryKind,
  type Interner,
  kindNumbers,
  type LedgerStorage,
  type ModelChange,
  type ModelNodes,
  type NodeFacts,
  type SignedEntry,
  type StorageOptions,
  sumCount,
} from '../../core/index.ts'
import type { FormedEntries } from './formed-entries.ts'
import { type LedgerPage, pageNumberOf, placeOnPage } from './ledger-pages.ts'
import { searchNodes } from './page-search.ts'
import type { SharedLedgers } from './shared-ledgers.ts'
import { SharedModelIndex } from './shared-model-index.ts'

export class SharedStorage implements LedgerStorage {
  readonly ids: Interner
  readonly facts: NodeFacts
  readonly sums = new Int32Array(sumCount)
  entryCount = 0
  nodeCount = 0
  revision = 0
  private readonly shared: SharedLedgers
  private readonly selfIndex: number
  private readonly pages: (LedgerPage | null)[] = []
  /** By node index; meaningful where the node has an entry. */
  private receivedAtMs = new Float64Array(0)
  private readonly models: SharedModelIndex

  constructor(self: NodeId, shared: SharedLedgers, options: StorageOptions) {
    this.shared = shared
    this.ids = shared.ids
    this.facts = shared.facts
    this.selfIndex = shared.ids.index(self)
    const { models } = shared
    const search = (model: ModelId) => searchNodes(model, this.pages, models)
    this.models = new SharedModelIndex({ models, search }, options.indexedModelsMax)
  }

  get indexedModelCount(): number {
    return this.models.size
  }

  /** The page of a node: ledgers that believe the same have the same one. */
  pageAt(index: number): LedgerPage | null {
    return this.pages[pageNumberOf(index)] ?? null
  }

  signed(index: number, kind: EntryKind): SignedEntry | null {
    return this.pageAt(index)?.at(index, kindNumbers[kind]) ?? null
  }

  has(index: number): boolean {
    return this.pageAt(index)?.hasNode(index) ?? false
  }

  receivedMs(index: number): number {
    return this.receivedAtMs[index] ?? Number.NEGATIVE_INFINITY
  }

  write(index: number, kind: EntryKind, signed: SignedEntry | null, nowMs: number): readonly ModelChange[] {
    const pageNumber = pageNumberOf(index)
    while (this.pages.length <= pageNumber) this.pages.push(null)
    const page = this.pages[pageNumber]!
    const kindNumber = kindNumbers[kind]
    const hadNode = page?.hasNode(index) === true
    const hadEntry = page !== null && page.at(index, kindNumber) !== null
    const nodeHash = this.ids.hash(index)
    const step = this.shared.pages.write(page, index, kindNumber, nodeHash, signed)
    this.pages[pageNumber] = step.next
    this.sums[nodeHash % sumCount]! ^= step.hashChange
    this.revision += 1
    this.entryCount += Number(signed !== null) - Number(hadEntry)
    if (signed === null) this.nodeCount -= Number(hadNode && !step.next.hasNode(index))
    else {
      this.nodeCount += Number(!hadNode)
      if (this.receivedAtMs.length <= index) this.growReceived(index)
      this.receivedAtMs[index] = nowMs
    }
    if (step.changes.length > 0) this.models.follow(index, step.changes)
    return step.changes
  }

  zoneOf(index: number): Zone | null {
    return this.pageAt(index)?.stateColumns.zones[placeOnPage(index)] ?? null
  }

  queueMs(index: number): number {
    return this.pageAt(index)?.stateColumns.queuesMs[placeOnPage(index)] ?? 0
  }

  stateMark(index: number): number {
    return this.pageAt(index)?.stateColumns.marks[placeOnPage(index)] ?? 0
  }

  nodesWith(model: ModelId): ModelNodes {
    return this.models.nodes(model)
  }

  othersRateMicro(model: ModelId): number {
    let sum = 0
    for (let at = 0; at < this.pages.length; at += 1) {
      for (const { index, rateMicro } of this.pages[at]?.wanters(model, at) ?? []) {
        if (index !== this.selfIndex) sum += rateMicro
      }
    }
    return sum
  }

  sweep(): void {
    this.models.sweep()
  }

  checkInvariants(): void {
    this.models.checkInvariants()
  }

  /** Takes what all nodes say at once. False: nothing was taken, and the core has to be told entry by entry. */
  applyShared(formed: FormedEntries, nowMs: number): boolean {
    const turns = formed.isPlain ? formed.turns((at) => this.pages[at] ?? null, this.selfIndex) : null
    if (turns === null) return false
    if (this.receivedAtMs.length < this.ids.count) this.growReceived(this.ids.count - 1)
    for (const { pageNumber, end, indices, hashChanges, newEntryCount, newNodeCount } of turns) {
      while (this.pages.length <= pageNumber) this.pages.push(null)
      this.pages[pageNumber] = end
      this.entryCount += newEntryCount
      this.nodeCount += newNodeCount
      for (let at = 0; at < indices.length; at += 1) {
        this.sums[this.ids.hash(indices[at]!) % sumCount]! ^= hashChanges[at]!
        this.receivedAtMs[indices[at]!] = nowMs
      }
    }
    this.revision += 1
    this.models.begin(formed.searchOf(this.pages))
    return true
  }

  /** Entries come of which most models will be news: none is followed. */
  forgetModels(): void {
    this.models.begin(null)
  }

  /** The entries came one by one, and most likely led to the pages of others. */
  shareSearch(formed: FormedEntries): void {
    this.models.begin(formed.searchOf(this.pages))
  }

  /** To the size of the cluster as far as it is known, so that ten thousand ledgers do not each double their way there. */
  private growReceived(index: number): void {
    const grown = new Float64Array(Math.max(index + 1, this.ids.count, Math.min(2 * index, 64)))
    grown.set(this.receivedAtMs)
    this.receivedAtMs = grown
  }
}
