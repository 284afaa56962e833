/**
 * A tag has moved and must not be waited for: the name is looked up again here, then every reachable node is told, together with
 * the signed record that was found, so that a node whose origin is away learns of it too. Leases and running requests keep the
 * revision they have; what comes after gets the new one.
 *
 *   request   JSON {"name": "acme/x:v1", "ref": the record as text, or null}
 *   answer    JSON {"model": digest, "sequence": n}; of a name that nobody asked for there, {"model": null}: nothing is looked up or kept,
 *             because a member could make up names without end
 */

import { HoldfastError, isHoldfastError, type ModelId, type NodeId, TimeLimit } from '../../common/index.ts'
import { encodeRef, formatModelName, type ModelName, parseModelName } from '../../origin/index.ts'
import type { AbortOptions } from '../ports/index.ts'
import type { Clock, Log } from '../system/index.ts'
import type { AdminDirectory } from './ports.ts'

export interface InvalidatorPorts {
  readonly directory: Pick<AdminDirectory, 'knownRef' | 'refresh' | 'receiveRef'>
  /** Nodes to tell. */
  readonly peers: () => NodeId[]
  readonly call: (node: NodeId, method: string, payload: Uint8Array, options: AbortOptions) => Promise<Uint8Array>
  readonly handle: (method: string, handler: (from: NodeId, payload: Uint8Array) => Promise<Uint8Array>) => void
  /** What was published of the name does not count any more. */
  readonly onInvalidated: (name: ModelName) => void
  readonly clock: Clock
  readonly log: Log
}

export interface InvalidatorOptions {
  /** A node that takes longer is reported as not reached; it finds out when the tag is no longer fresh to it. */
  readonly timeoutMs: number
  /** Nodes told at one time. */
  readonly callsMax: number
}

export const defaultInvalidatorOptions: InvalidatorOptions = { timeoutMs: 10_000, callsMax: 32 }

export interface InvalidationReport {
  readonly name: string
  /** Before and after, on this node. */
  readonly before: ModelId | null
  readonly model: ModelId
  readonly sequence: number
  /** Why this is only what the node knew before, or a peer: the origin is away, or has no such tag. null: the origin said so. */
  readonly unconfirmed: string | null
  readonly nodes: readonly {
    readonly node: NodeId
    /** What the name means there now; null when it was not reached, or when nobody has asked for the name there. */
    readonly model: ModelId | null
    readonly error: string | null
  }[]
}

const method = 'invalidate'
/** A name and a ref record, with room for escapes. */
const payloadBytesMax = 16_384

export class Invalidator {
  private readonly ports: InvalidatorPorts
  private readonly options: InvalidatorOptions

  constructor(ports: InvalidatorPorts, options: Partial<InvalidatorOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultInvalidatorOptions, ...options }
  }

  serve(): void {
    this.ports.handle(method, async (from, payload) => {
      const { name, ref } = decode(payload)
      if (this.ports.directory.knownRef(name) === null) return Buffer.from(JSON.stringify({ model: null }))
      if (ref !== null) await this.ports.directory.receiveRef(from, name, Buffer.from(ref))
      const { manifest, sequence } = (await this.here(name)).ref
      this.ports.log.info({ name: formatModelName(name), from, model: manifest, sequence }, 'a name was invalidated')
      return Buffer.from(JSON.stringify({ model: manifest, sequence }))
    })
  }

  /** UNKNOWN_MODEL, ORIGIN_UNAVAILABLE as for any lookup; a node that is not reached is part of the report. */
  async invalidate(name: ModelName): Promise<InvalidationReport> {
    const before = this.ports.directory.knownRef(name)?.manifest ?? null
    const { ref, unconfirmed } = await this.here(name)
    const text = formatModelName(name)
    const record = Buffer.from(encodeRef(ref)).toString('utf8')
    const payload = Buffer.from(JSON.stringify({ name: text, ref: record }))
    const nodes: InvalidationReport['nodes'][number][] = []
    const waiting = this.ports.peers()
    const lane = async () => {
      for (let node = waiting.shift(); node !== undefined; node = waiting.shift())
        nodes.push(await this.tell(node, payload))
    }
    await Promise.all(Array.from({ length: this.options.callsMax }, lane))
    nodes.sort((a, b) => (a.node < b.node ? -1 : 1))
    return {
      name: text,
      before,
      model: ref.manifest,
      sequence: ref.sequence,
      unconfirmed: unconfirmed === null ? null : `${unconfirmed.code}: ${unconfirmed.message}`,
      nodes,
    }
  }

  private async here(name: ModelName) {
    const found = await this.ports.directory.refresh(name)
    this.ports.onInvalidated(name)
    return found
  }

  private async tell(node: NodeId, payload: Uint8Array): Promise<InvalidationReport['nodes'][number]> {
    try {
      using limit = new TimeLimit(this.ports.clock, this.options.timeoutMs)
      const bytes = await this.ports.call(node, method, payload, { signal: limit.signal })
      const answer = JSON.parse(Buffer.from(bytes).toString('utf8'))
      const model = typeof answer?.model === 'string' ? answer.model : null
      const isAnswer = model !== null || answer?.model === null
      return { node, model, error: isAnswer ? null : 'it answered without a model' }
    } catch (error) {
      const text = isHoldfastError(error) ? `${error.code}: ${error.message}` : (error as Error).message
      return { node, model: null, error: text }
    }
  }
}

function decode(payload: Uint8Array): { name: ModelName; ref: string | null } {
  const malformed = (why: string) => new HoldfastError('PEER_PROTOCOL', `An invalidation is malformed: ${why}.`)
  if (payload.byteLength > payloadBytesMax) throw malformed(`it has ${payload.byteLength} bytes`)
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(payload).toString('utf8'))
  } catch {
    throw malformed('it is no JSON')
  }
  const { name, ref } = (value ?? {}) as { name?: unknown; ref?: unknown }
  if (typeof name !== 'string') throw malformed('it names nothing')
  if (ref !== null && typeof ref !== 'string') throw malformed('its record is no text')
  return { name: parseModelName(name), ref }
}
