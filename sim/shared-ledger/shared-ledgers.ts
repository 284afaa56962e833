/** What the ledgers of one simulated cluster share: ids, pages, what is believed of each model, and room to look around. */
import { Interner, NodeFacts } from '../../core/index.ts'
import { LedgerPages } from './ledger-pages.ts'
import { SharedModelNodes } from './shared-model-nodes.ts'

export class SharedLedgers {
  readonly ids = new Interner()
  readonly pages = new LedgerPages()
  readonly models = new SharedModelNodes(this.ids)
  /** For one node after the other: ten thousand of them would each need ten thousand places. */
  readonly facts = new NodeFacts()
}
