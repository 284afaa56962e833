/**
 * What slow start costs a transfer: a sender begins with a window and doubles it with every round trip, until it has as much under
 * way as the lines carry in one. Until then it waits for acknowledgements part of the time.
 */
export interface SlowStart {
  readonly initialWindowBytes: number
  /** Of the tightest line. */
  readonly bytesPerS: number
  readonly sizeBytes: number
  readonly rttMs: number
}

/** Longer than a transfer of the bytes at full rate by this much. */
export function slowStartLossMs({ initialWindowBytes, bytesPerS, sizeBytes, rttMs }: SlowStart): number {
  let lossMs = 0
  let sentBytes = 0
  for (let windowBytes = initialWindowBytes; ; windowBytes *= 2) {
    const sendMs = (windowBytes * 1_000) / bytesPerS
    sentBytes += windowBytes
    if (sendMs >= rttMs || sentBytes >= sizeBytes) return lossMs
    lossMs += rttMs - sendMs
  }
}
