/** Work on many items at a time, with the running work awaited whatever ends it: files stay open no longer than the call. */
import pMap, { pMapIterable } from 'p-map'

/** Runs `work` on the items in order, at most `limit` at a time. After a failure nothing new starts; running work is awaited. */
export async function mapLimited<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new RunningWork()
  try {
    await pMap(items, (item) => running.add(work(item)), { concurrency: limit })
  } finally {
    await running.settled()
  }
}

/** The results in order, with up to `limit` of the reads under way; those are awaited also when the caller stops early. */
export async function* readAhead<T>(reads: readonly (() => Promise<T>)[], limit: number): AsyncGenerator<T> {
  const running = new RunningWork()
  try {
    for await (const result of pMapIterable(reads, (read) => running.add(read()), { concurrency: limit })) {
      yield result as T
    }
  } finally {
    await running.settled()
  }
}

class RunningWork {
  private readonly work = new Set<Promise<unknown>>()

  add<T>(started: Promise<T>): Promise<T> {
    this.work.add(started)
    const forget = () => this.work.delete(started)
    started.then(forget, forget)
    return started
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.work)
  }
}

/** Waits for all of them, and throws what the first to fail threw: nothing works on afterwards. */
export async function allEnded(work: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work)
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
