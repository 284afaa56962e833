/** Longer than any work takes; each time it comes, the process stays. */
const periodMs = 2 ** 30

/**
 * What the work comes to. The process stays until then, for commands: neither a pending promise nor a timer of the system's clock
 * keeps it alive.
 */
export async function keepAlive<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, periodMs)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}
