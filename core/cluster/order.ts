/** One order of ids and digests everywhere, and searches that rely on it. */

/** Code-unit order: the one order of ids and digests everywhere, independent of locale. */
export function compareIds(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Index of the item with this key in a list sorted by key, or -1. */
export function indexOfSorted<T>(items: readonly T[], key: string, keyOf: (item: T) => string): number {
  let low = 0
  let high = items.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const order = compareIds(keyOf(items[middle]!), key)
    if (order === 0) return middle
    if (order < 0) low = middle + 1
    else high = middle - 1
  }
  return -1
}
