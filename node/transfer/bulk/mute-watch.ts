/**
 * Tells when a peer of which chunks were asked sends nothing, long before its connections are given up: what was asked can then be asked
 * of others too, while a peer that is only slow may go on. Any byte counts, on any connection.
 */
import type { Clock } from '../../system/index.ts'

export interface MuteWatchPorts {
  readonly clock: Clock
  /** Changes as bytes of chunks come. */
  readonly movedBytes: () => number
  /** How long nothing has come, told again after as long again; 0: bytes come again. */
  readonly onSilent: (silentMs: number) => void
}

/** Looks in the time after which a peer is mute. */
const looks = 4

export class MuteWatch {
  private readonly ports: MuteWatchPorts
  private readonly muteMs: number
  private openCount = 0
  private seenBytes = 0
  private movedMs = 0
  private toldMs: number | null = null
  private stop = () => {}

  constructor(ports: MuteWatchPorts, muteMs: number) {
    this.ports = ports
    this.muteMs = muteMs
  }

  /** A chunk is asked for. */
  asked(): void {
    this.openCount += 1
    if (this.openCount > 1) return
    const { clock, movedBytes } = this.ports
    this.seenBytes = movedBytes()
    this.movedMs = clock.nowMs()
    this.stop = clock.every(this.muteMs / looks, () => this.look())
  }

  ended(): void {
    this.openCount -= 1
    if (this.openCount > 0) return
    this.stop()
    this.toldMs = null
  }

  /** The peer has answered, or has proved itself. */
  moved(): void {
    this.movedMs = this.ports.clock.nowMs()
    if (this.toldMs === null) return
    this.toldMs = null
    this.ports.onSilent(0)
  }

  private look(): void {
    const bytes = this.ports.movedBytes()
    if (bytes !== this.seenBytes) {
      this.seenBytes = bytes
      this.moved()
      return
    }
    const nowMs = this.ports.clock.nowMs()
    if (nowMs - Math.max(this.movedMs, this.toldMs ?? Number.NEGATIVE_INFINITY) < this.muteMs) return
    this.toldMs = nowMs
    this.ports.onSilent(nowMs - this.movedMs)
  }
}
