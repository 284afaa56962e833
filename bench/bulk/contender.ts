/** One way to bring the same bytes from one process to another, encrypted and verified. */

export interface Contender {
  /** As in `curl/4`. */
  readonly id: string
  /** One transfer of all bytes. Rejects when the bytes that came are others. */
  transfer(): Promise<Transfer>
  stop(): Promise<void>
}

export interface Transfer {
  readonly seconds: number
  /** Of both ends. */
  readonly processorSeconds: number
}
