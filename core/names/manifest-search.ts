/** Looks for manifests, one search per digest for all who want it, place after place. */

import type { ModelId } from '../../common/index.ts'
import type { Failure } from '../failure.ts'
import { type ManifestPlace, manifestPlaces } from './types.ts'

interface Search<W> {
  readonly wants: W[]
  at: number
  /** Why the origin did not answer. */
  originFailure: Failure | null
}

export type SearchStep<W> =
  | { readonly kind: 'ask'; readonly place: ManifestPlace }
  | { readonly kind: 'here'; readonly wants: readonly W[] }
  | { readonly kind: 'nowhere'; readonly wants: readonly W[]; readonly failure: Failure | null }

export class ManifestSearch<W> {
  private readonly searches = new Map<ModelId, Search<W>>()
  private readonly places: readonly ManifestPlace[]

  constructor(hasOrigin: boolean) {
    this.places = manifestPlaces.filter((place) => hasOrigin || place !== 'origin')
  }

  get size(): number {
    return this.searches.size
  }

  /** Null when the search is under way already. */
  want(model: ModelId, want: W): SearchStep<W> | null {
    const running = this.searches.get(model)
    if (running !== undefined) {
      running.wants.push(want)
      return null
    }
    this.searches.set(model, { wants: [want], at: 0, originFailure: null })
    return { kind: 'ask', place: this.places[0]! }
  }

  /** Null for an answer that nobody waits for. */
  answered(model: ModelId, place: ManifestPlace, isHere: boolean, failure: Failure | null): SearchStep<W> | null {
    const search = this.searches.get(model)
    if (search === undefined || this.places[search.at] !== place) return null
    const { wants } = search
    if (isHere) {
      this.searches.delete(model)
      return { kind: 'here', wants }
    }
    if (place === 'origin') search.originFailure = failure
    search.at += 1
    const next = this.places[search.at]
    if (next !== undefined) return { kind: 'ask', place: next }
    this.searches.delete(model)
    return { kind: 'nowhere', wants, failure: search.originFailure }
  }
}
