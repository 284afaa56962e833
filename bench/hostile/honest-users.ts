/**
 * Those who are honest, as seen from outside: each asks for what it needs, over and over, and counts what came in time and right.
 * Everybody comes anew each time, with a connection of its own: who is inside already is not who an attacker keeps out.
 */
import { randomBytes } from 'node:crypto'
import type { SpawnedNode } from '../../demo/index.ts'
import { type ClusterKey, createLibp2pNetwork, Identity } from '../../node/net/index.ts'
import { systemClock } from '../../node/system/index.ts'
import { createNativeBulkTransport } from '../../node/transfer/index.ts'
import { blobIdOf } from '../../origin/index.ts'
import { askChecked, type CheckedModel, openChecked } from '../lab/checked-model.ts'

export interface HonestUser {
  readonly name: string
  readonly everyMs: number
  /** What comes later is of no use to it. */
  readonly patienceMs: number
  /** False: a wrong answer. A refusal is thrown. */
  ask(signal: AbortSignal): Promise<boolean>
}

export interface Asked {
  asked: number
  inTime: number
  wrong: number
  /** The last reason of each that was not answered. */
  lastFailure: string | null
}

/** People and programs wait for less than a node that starts. */
const [userPatienceMs, nodePatienceMs] = [2_000, 5_000]

export interface Served {
  readonly victim: SpawnedNode
  readonly other: SpawnedNode
  readonly clusterKey: ClusterKey
  readonly model: CheckedModel
}

export function honestUsers({ victim, other, clusterKey, model }: Served): readonly HonestUser[] {
  const [user, node] = [{ patienceMs: userPatienceMs }, { patienceMs: nodePatienceMs }]
  return [
    { ...user, name: 'requests', everyMs: 200, ask: (signal) => asks(victim, model, signal) },
    { ...user, name: 'requests elsewhere', everyMs: 400, ask: (signal) => asks(other, model, signal) },
    { ...user, name: 'opens', everyMs: 250, ask: () => openChecked(victim.socketPath, [model], userPatienceMs) },
    { ...node, name: 'nodes that join', everyMs: 500, ask: (signal) => joins(victim, clusterKey, signal) },
    { ...node, name: 'nodes that pull', everyMs: 500, ask: (signal) => pulls(victim, clusterKey, signal) },
  ]
}

async function asks({ httpUrl }: SpawnedNode, model: CheckedModel, signal: AbortSignal): Promise<boolean> {
  return (await askChecked(httpUrl, [model], signal)).isRight
}

/** A node that starts: the cluster port lets it in, and a call is answered. */
async function joins(victim: SpawnedNode, clusterKey: ClusterKey, signal: AbortSignal): Promise<boolean> {
  const network = await createLibp2pNetwork({ identity: await Identity.generate(), clusterKey, clock: systemClock })
  const nothing = () => undefined
  await network.start({
    onPeerUp: nothing,
    onPeerDown: nothing,
    onMessage: () => true,
    isMember: () => true,
    onRefused: nothing,
  })
  try {
    const node = await network.dial(victim.addresses[0]!, { signal })
    await network.ping(node, { signal })
    return node === victim.nodeId
  } finally {
    await network.stop()
  }
}

/** The bulk port lets it in and answers a question: that it does not have these bytes. */
async function pulls(victim: SpawnedNode, clusterKey: ClusterKey, signal: AbortSignal): Promise<boolean> {
  const identity = await Identity.generate()
  const bulk = createNativeBulkTransport({ identity, clusterKey, clock: systemClock }, { threadCount: 1 })
  await bulk.start(async () => null)
  const chunk = { sha256: randomBytes(32).toString('hex'), sizeBytes: 4_096 }
  try {
    const isHeld = await bulk.fetch(
      { node: victim.nodeId, address: victim.bulkAddress },
      {
        blob: blobIdOf({ chunks: [chunk] }),
        file: chunk.sha256,
        chunk: chunk.sha256,
        offsetBytes: 0,
        sizeBytes: chunk.sizeBytes,
        context: { tenant: 'public', deadlineMs: systemClock.nowMs() + nodePatienceMs },
      },
      { begin: (sizeBytes) => new Uint8Array(sizeBytes), end: async () => {} },
      { signal },
    )
    return !isHeld
  } finally {
    await bulk.stop()
  }
}

/** Asks at each user's pace, whether or not earlier questions were answered, for so long; then waits for the last ones. */
export async function askFor(users: readonly HonestUser[], durationMs: number): Promise<ReadonlyMap<string, Asked>> {
  const counts = new Map<string, Asked>()
  const open: Promise<void>[] = []
  for (const user of users) counts.set(user.name, { asked: 0, inTime: 0, wrong: 0, lastFailure: null })
  const timers = users.map((user) => setInterval(() => open.push(count(user, counts.get(user.name)!)), user.everyMs))
  await new Promise((resolve) => setTimeout(resolve, durationMs))
  for (const timer of timers) clearInterval(timer)
  await Promise.all(open)
  return counts
}

async function count(user: HonestUser, counts: Asked): Promise<void> {
  counts.asked += 1
  const outcome = await askOnce(user)
  if (outcome === true) counts.inTime += 1
  else if (outcome === false) counts.wrong += 1
  else counts.lastFailure = outcome
}

/** Right, wrong, or why there was no answer in time. */
export async function askOnce(user: HonestUser): Promise<boolean | string> {
  const signal = AbortSignal.timeout(user.patienceMs)
  const late = new Promise<string>((resolve) =>
    signal.addEventListener('abort', () => resolve(`no answer after ${user.patienceMs} ms`)),
  )
  return Promise.race([user.ask(signal).catch((error: Error) => error.message), late])
}

const lookMs = 50

/** Until each kind of user was served once; no longer than so long. */
export async function secondsUntilServed(users: readonly HonestUser[], maxMs: number): Promise<number> {
  const startedMs = performance.now()
  const elapsedMs = () => performance.now() - startedMs
  await Promise.all(
    users.map(async (user) => {
      while (elapsedMs() < maxMs && (await askOnce(user)) !== true) {
        await new Promise((resolve) => setTimeout(resolve, lookMs))
      }
    }),
  )
  return elapsedMs() / 1_000
}
