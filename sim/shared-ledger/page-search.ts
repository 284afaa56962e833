/**
 * What the pages of a ledger say of a model. A search goes through all of them, a millisecond in a cluster of a thousand; ledgers that
 * lie on the same pages, as those of a simulated cluster that knows itself from the start, search once for all of them.
 */
import type { ModelId } from '../../common/index.ts'
import { type Holder, indexOfSorted } from '../../core/index.ts'
import type { LedgerPage } from './ledger-pages.ts'
import type { SharedModelNodes, SharedNodes } from './shared-model-nodes.ts'

type Pages = readonly (LedgerPage | null)[]

export function searchNodes(model: ModelId, pages: Pages, models: SharedModelNodes): SharedNodes {
  const holders: Holder[] = []
  const fetchers: number[] = []
  for (let at = 0; at < pages.length; at += 1) {
    const page = pages[at]
    if (page == null) continue
    const found = page.holdersOf(model, at)
    for (let place = 0; place < found.length; place += 1) holders.push(found[place]!)
    for (const fetcher of page.fetchers(at)) {
      if (indexOfSorted(fetcher.models, model, (item) => item) >= 0) fetchers.push(fetcher.index)
    }
  }
  return models.create(model, holders, fetchers)
}

/** Of the pages of one moment. */
export class PageSearch {
  private readonly pages: Pages
  private readonly models: SharedModelNodes
  private readonly found = new Map<ModelId, SharedNodes>()

  constructor(pages: Pages, models: SharedModelNodes) {
    this.pages = pages.slice()
    this.models = models
  }

  isOf(pages: Pages): boolean {
    return pages.length === this.pages.length && pages.every((page, at) => page === this.pages[at])
  }

  nodesWith(model: ModelId): SharedNodes {
    const known = this.found.get(model)
    if (known !== undefined) return known
    const nodes = searchNodes(model, this.pages, this.models)
    this.found.set(model, nodes)
    return nodes
  }
}
