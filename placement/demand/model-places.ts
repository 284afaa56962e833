/**
 * Places for models: small whole numbers, given again when a model is forgotten, so that what is known of models can lie in columns.
 *
 * A request touches a row of numbers. In an object per model each of them is a box of its own, somewhere; in a column they are one or two
 * lines of the cache, which is most of what a request costs when many models, or many simulated nodes, take turns.
 */

import { assertInvariant, type ModelId } from '../../common/index.ts'

export class ModelPlaces {
  private readonly places = new Map<ModelId, number>()
  private readonly free: number[] = []

  get size(): number {
    return this.places.size
  }

  has(model: ModelId): boolean {
    return this.places.has(model)
  }

  of(model: ModelId): number | undefined {
    return this.places.get(model)
  }

  /** What lay there belongs to a model that is gone. */
  take(model: ModelId): number {
    assertInvariant(!this.places.has(model), `${model} has a place`)
    const place = this.free.pop() ?? this.places.size
    this.places.set(model, place)
    return place
  }

  release(model: ModelId): void {
    const place = this.places.get(model)
    if (place === undefined) return
    this.places.delete(model)
    this.free.push(place)
  }

  /** In the order in which they came. */
  entries(): Iterable<[ModelId, number]> {
    return this.places
  }
}

/** The column itself while it is long enough, otherwise one of twice the length with the same content. */
export function withRoom<T extends Float64Array | Float32Array>(
  column: T,
  length: number,
  make: (length: number) => T,
): T {
  if (column.length >= length) return column
  const longer = make(Math.max(length, 2 * column.length))
  longer.set(column)
  return longer
}
