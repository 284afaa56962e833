/**
 * Lines to a file descriptor that may refuse them: a full disk, a pipe whose reader ended or is slow. A line that is refused is lost
 * and counted, and never an error to the code that logs. A line of which a part was taken goes on with the rest of it.
 */

export interface LossyWriterPorts {
  /** How many of the bytes were taken; throws when none were. */
  readonly writeSome: (bytes: Uint8Array) => number
  /** A line that tells of lines that were lost before it. */
  readonly lossLine: (count: number) => string
}

export class LossyWriter {
  private readonly ports: LossyWriterPorts
  private rest: Uint8Array = new Uint8Array()
  private lostCount = 0

  constructor(ports: LossyWriterPorts) {
    this.ports = ports
  }

  write(line: string): void {
    const isFree = this.drain()
    const bytes = Buffer.from(this.lostCount === 0 ? line : this.ports.lossLine(this.lostCount) + line)
    if (isFree) this.rest = bytes
    if (isFree && (this.drain() || this.rest.byteLength < bytes.byteLength)) {
      this.lostCount = 0
      return
    }
    if (isFree) this.rest = new Uint8Array()
    this.lostCount++
  }

  /** True when nothing is left to write. */
  private drain(): boolean {
    try {
      while (this.rest.byteLength > 0) this.rest = this.rest.subarray(this.ports.writeSome(this.rest))
      return true
    } catch {
      return false
    }
  }
}
