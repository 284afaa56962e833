/** Reads from the disk of one simulated node, one after another, as they come: together they would not be faster. */

export interface DiskReadsPorts {
  /** How long so many bytes take. */
  readMs(sizeBytes: number): number
  /** After the delay, unless the node crashes before. */
  later(delayMs: number, run: () => void): void
}

interface Read {
  readonly sizeBytes: number
  readonly end: () => void
}

export class DiskReads {
  private readonly ports: DiskReadsPorts
  /** The first is being read. */
  private readonly line: Read[] = []

  constructor(ports: DiskReadsPorts) {
    this.ports = ports
  }

  read(sizeBytes: number, end: () => void): void {
    this.line.push({ sizeBytes, end })
    if (this.line.length === 1) this.next()
  }

  private next(): void {
    const first = this.line[0]
    if (first === undefined) return
    this.ports.later(this.ports.readMs(first.sizeBytes), () => {
      this.line.shift()
      first.end()
      this.next()
    })
  }
}
