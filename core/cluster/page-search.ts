/**
 * What the pages of a ledger say of a model. A search goes through all of them, a millisecond in a cluster of a thousand; ledgers that
 * lie on the same pages, as those of a simulated cluster that knows itself from the start, search once for all of them.
 */
import type { ModelId } from '../../common/index.ts'
import type { Holder } from './body-diff.ts'
import type { Interner } from './interner.ts'
import type { LedgerPage } from './ledger-pages.ts'
import type { ModelNodes } from './model-nodes.ts'
import { indexOfSorted } from './order.ts'

type Pages = readonly (LedgerPage | null)[]

export function searchNodes(model: ModelId, pages: Pages, interner: Interner): ModelNodes {
  const { isShared } = interner.pages
  const holders: Holder[] = []
  const fetchers: number[] = []
  for (let at = 0; at < pages.length; at += 1) {
    const page = pages[at]
    if (page == null) continue
    const found = page.holdersOf(model, at, isShared)
    for (let place = 0; place < found.length; place += 1) holders.push(found[place]!)
    for (const { index, models } of page.fetchers(at, isShared)) {
      if (indexOfSorted(models, model, (item) => item) >= 0) fetchers.push(index)
    }
  }
  holders.sort((a, b) => interner.rank(a.index) - interner.rank(b.index))
  fetchers.sort((a, b) => interner.rank(a) - interner.rank(b))
  return interner.models.create(model, holders, fetchers, isShared)
}

/** Of pages that are never written again. */
export class PageSearch {
  private readonly pages: Pages
  private readonly interner: Interner
  private readonly found = new Map<ModelId, ModelNodes>()

  constructor(pages: Pages, interner: Interner) {
    this.pages = pages.slice()
    this.interner = interner
  }

  isOf(pages: Pages): boolean {
    return pages.length === this.pages.length && pages.every((page, at) => page === this.pages[at])
  }

  nodesWith(model: ModelId): ModelNodes {
    const known = this.found.get(model)
    if (known !== undefined) return known
    const nodes = searchNodes(model, this.pages, this.interner)
    this.found.set(model, nodes)
    return nodes
  }
}
