/** The daemon is a list of parts: started in order, stopped in the reverse of it. */
import type { Clock, Log } from '../system/index.ts'

export interface Part {
  /** For the log. */
  readonly name: string
  readonly start?: () => Promise<unknown> | unknown
  readonly stop?: () => Promise<unknown> | unknown
}

export class Parts {
  private readonly ports: { readonly clock: Clock; readonly log: Log }
  private readonly started: Part[] = []

  constructor(ports: { readonly clock: Clock; readonly log: Log }) {
    this.ports = ports
  }

  /** One after another. When one fails, those before it still have to be stopped. */
  async start(parts: readonly Part[]): Promise<void> {
    for (const part of parts) {
      await part.start?.()
      this.started.push(part)
    }
  }

  /** Never rejects: what cannot stop must not keep the others from it. */
  async stop(): Promise<void> {
    const { clock, log } = this.ports
    for (let part = this.started.pop(); part !== undefined; part = this.started.pop()) {
      const { name, stop } = part
      if (stop === undefined) continue
      const startedMs = clock.nowMs()
      try {
        await stop()
        log.debug({ part: name, elapsedMs: Math.round(clock.nowMs() - startedMs) }, 'part stopped')
      } catch (error) {
        log.error({ part: name, error: (error as Error).stack }, 'a part did not stop cleanly')
      }
    }
  }
}
