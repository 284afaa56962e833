/** Runs `work` on the items in order, at most `limit` at a time. After a failure nothing new starts; running work is awaited. */
export async function mapLimited<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]()
  let failure: { error: unknown } | null = null
  const lane = async () => {
    while (!failure) {
      const next = iterator.next()
      if (next.done) return
      try {
        await work(next.value)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: limit }, lane))
  if (failure) throw (failure as { error: unknown }).error
}
