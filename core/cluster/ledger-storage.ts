/**
 * Where a ledger keeps its entries, and what it reads off them by node and by model: a port, so that the ledgers of a simulated cluster can
 * share what they hold alike (sim/shared-ledger) while a daemon keeps a plain table (plain-storage.ts).
 *
 * A storage judges nothing: which entry is newer, who is silent for too long and what a removed node may say again are decided by the
 * ledger. Nodes are named by their indices in `ids`.
 *
 * Suite: test/conformance/ledger-storage.suite.ts
 */
import type { ModelId, Zone } from '../../common/index.ts'
import type { EntryKind, SignedEntry } from '../events.ts'
import type { ModelChange } from './body-diff.ts'
import type { Interner } from './interner.ts'
import type { ModelNodes } from './model-nodes.ts'
import type { NodeFacts } from './node-facts.ts'

export interface LedgerStorage {
  readonly ids: Interner
  /** Room for what a look over many holders finds out about the other nodes. */
  readonly facts: NodeFacts
  readonly entryCount: number
  /** Nodes with at least one entry. */
  readonly nodeCount: number
  /** Rises with every entry that comes or goes. */
  readonly revision: number
  /** Xor of the version hashes of all entries, by groups of nodes (version.ts). */
  readonly sums: Int32Array

  signed(index: number, kind: EntryKind): SignedEntry | null
  has(index: number): boolean
  /** When the last entry of the node was written; meaningful while `has` is true. */
  receivedMs(index: number): number
  /** Puts the entry into its place, or empties it. Says what that changed, by model. */
  write(index: number, kind: EntryKind, signed: SignedEntry | null, nowMs: number): readonly ModelChange[]

  /** As the node's state says; null where none is known. */
  zoneOf(index: number): Zone | null
  /** Milliseconds of work in line there, as its state says. */
  queueMs(index: number): number
  /** Bits of state-marks.ts; 0 of a node that has said no state. */
  stateMark(index: number): number

  /** Every node that says it has the model, or that it is on its way in; in order of ids, and never changed afterwards. */
  nodesWith(model: ModelId): ModelNodes
  /** Sum of what the nodes but this one say of the demand, in millionths of a request per second. */
  othersRateMicro(model: ModelId): number
  /** Forgets what it remembers of models that nobody asked for since the last sweep. */
  sweep(): void
  /** Recomputes what runs along by model; counts and sums are checked by the ledger. */
  checkInvariants(): void
}

export interface StorageOptions {
  /** Models that are indexed: those asked for lately, some hundred bytes and as many holders each. A node asks for what it serves, holds and fetches. */
  readonly indexedModelsMax: number
}
