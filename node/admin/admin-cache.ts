/** The tiers of this node, as operators and placement/ name them: 'memory' is ready to serve, whatever that takes. */
import type { Manifest } from '../../origin/index.ts'
import type { ModelCache, ModelTable } from '../models/index.ts'
import type { AdminCache } from './ports.ts'

export interface AdminCachePorts {
  readonly cache: ModelCache
  readonly table: ModelTable
  readonly isRunnable: (manifest: Manifest) => boolean
}

export function adminCache({ cache, table, isRunnable }: AdminCachePorts): AdminCache {
  return {
    isHeld: (model, tier) => {
      const row = table.get(model)
      if (row === null) return false
      if (tier === 'disk') return table.filesIn(row, 'disk')
      return isRunnable(row.spec.manifest) ? cache.isRunnable(model) : table.filesIn(row, 'memory')
    },
    occupies: (model, tier) => {
      const row = table.get(model)
      return row !== null && table.bytesIn(row, tier) > 0
    },
    bring: async ({ digest, manifest }, tier, context) => {
      if (tier === 'disk') return cache.ensureHeld(digest, manifest, context)
      const ready = isRunnable(manifest)
        ? cache.ensureRunnable(digest, manifest, context)
        : cache.ensureOpenable(digest, manifest, context)
      return (await ready).source
    },
    // An unknown model is not here.
    isInUse: (model) => table.get(model) !== null && !cache.mayEvict(model, 'memory'),
    leave: (model, tier) => cache.release(model, tier),
  }
}
