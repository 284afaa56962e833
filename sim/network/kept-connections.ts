/**
 * Connections that clients keep open to servers, as pools do: a request takes an idle one, or opens one, which costs round trips
 * before the first byte can leave; one that nobody used for a while is closed. Each carries one request at a time: requests that
 * share a connection wait for it to open just as long as those that open their own.
 */
export interface ConnectionSpec {
  /** 1 for TCP, one more for TLS 1.3, one more where both ends prove who they are. */
  readonly openRoundTrips: number
  /** null: for ever. */
  readonly idleS: number | null
}

export class KeptConnections {
  private readonly spec: ConnectionSpec
  /** Since when the connections from a client to a server are idle, the last one last. */
  private readonly idleSinceMs = new Map<number, Map<number, number[]>>()

  constructor(spec: ConnectionSpec) {
    this.spec = spec
  }

  /** @returns how long it takes until the request can leave. */
  take(client: number, server: number, rttMs: number, nowMs: number): number {
    const { openRoundTrips, idleS } = this.spec
    if (openRoundTrips === 0) return 0
    const sinceMs = this.idleSinceMs.get(client)?.get(server)?.pop()
    const isOpen = sinceMs !== undefined && nowMs - sinceMs <= (idleS ?? Number.POSITIVE_INFINITY) * 1_000
    return isOpen ? 0 : openRoundTrips * rttMs
  }

  /** After an answer; a connection that broke is not given back. */
  giveBack(client: number, server: number, nowMs: number): void {
    if (this.spec.openRoundTrips === 0) return
    const byServer = this.idleSinceMs.get(client) ?? new Map<number, number[]>()
    this.idleSinceMs.set(client, byServer)
    const idle = byServer.get(server)
    if (idle === undefined) byServer.set(server, [nowMs])
    else idle.push(nowMs)
  }

  /** All of that end broke. */
  drop(end: number): void {
    this.idleSinceMs.delete(end)
    for (const byServer of this.idleSinceMs.values()) byServer.delete(end)
  }
}
