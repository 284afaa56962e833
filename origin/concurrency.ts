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

/** The results in order, with up to `limit` of the reads under way; those are awaited also when the caller stops early. */
export async function* readAhead<T>(reads: readonly (() => Promise<T>)[], limit: number): AsyncGenerator<T> {
  const running: Promise<T>[] = []
  let next = 0
  try {
    for (;;) {
      while (running.length < limit && next < reads.length) {
        const read = reads[next++]!()
        read.catch(() => {}) // Reported when its turn comes.
        running.push(read)
      }
      const first = running[0]
      if (!first) return
      yield await first
      running.shift()
    }
  } finally {
    await Promise.allSettled(running)
  }
}
