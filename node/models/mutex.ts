/** Lets one asynchronous action run at a time, in the order of asking. */
export class Mutex {
  private tail: Promise<unknown> = Promise.resolve()

  run<T>(action: () => Promise<T>): Promise<T> {
    const result = this.tail.then(action)
    this.tail = result.catch(() => undefined) // The caller sees the failure; the next in line must still run.
    return result
  }
}
