/**
 * Mutual exclusion of writers of one key in a store without conditional writes. It asks one thing of the store: that a
 * listing shows every write that was answered before it began.
 *
 *     announce (put .holdfast/intents/<key>/<mine>)  ->  list  ->  alone?             write, withdraw
 *                                                             ->  mine is the first?  look again
 *                                                             ->  else                withdraw, pause, announce anew
 *
 * Two can never both find themselves alone: the later of the two announcements was made before its own listing. The first by
 * name never withdraws, so somebody always gets ahead. A writer that died leaves its intent; it counts for `intentLeaseMs`
 * of the store's own clock, and a writer that is not done by half of that gives up before it writes.
 */
import { createHash, randomInt, randomUUID } from 'node:crypto'
import { HoldfastError, pause, TimeLimit } from '../../../common/index.ts'
import { reservedFolder } from '../object-key.ts'
import { putWhole } from './s3-put.ts'
import type { S3Session } from './s3-session.ts'

/** Between two looks: some round trips long. */
const pollMs = 50

interface Intent {
  readonly key: string
  readonly writtenMs: number
}

/** Runs `write` alone among all who do so for this key. Its signal ends when the intent no longer protects it. */
export async function withIntent<T>(
  session: S3Session,
  key: string,
  write: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const { clock, intentLeaseMs, writeGiveUpMs } = session.options
  const digest = createHash('sha256').update(key).digest('hex').slice(0, 32)
  const folder = `${session.target.prefix}${reservedFolder}/intents/${digest}/`
  const startedMs = clock.nowMs()
  for (let failures = 0; clock.nowMs() - startedMs < writeGiveUpMs; failures++) {
    const mine = `${folder}${randomUUID()}`
    const announcedMs = clock.nowMs()
    const leftMs = () => Math.floor(announcedMs + intentLeaseMs / 2 - clock.nowMs())
    await session.call(() => putWhole(session, mine, [Buffer.from('holdfast')], {}, signal))
    try {
      if (await isAlone(session, folder, mine, leftMs, signal)) {
        using limit = new TimeLimit(clock, Math.max(1, leftMs()), signal)
        return await write(limit.signal)
      }
    } finally {
      await remove(session, mine)
    }
    await pause(clock, randomInt(pollMs * Math.min(16, failures + 1)) + 1, signal)
  }
  throw new HoldfastError(
    'ORIGIN_UNAVAILABLE',
    `Others write ${key} in ${session.target.url} without pause, and the store has no conditional writes. Try again later.`,
  )
}

async function isAlone(
  session: S3Session,
  folder: string,
  mine: string,
  leftMs: () => number,
  signal?: AbortSignal,
): Promise<boolean> {
  while (leftMs() > 0) {
    const intents = await list(session, folder, signal)
    const own = intents.find((intent) => intent.key === mine)
    if (!own) return false // Somebody took us for dead.
    const others = intents.filter((intent) => intent.key !== mine)
    const dead = others.filter((intent) => own.writtenMs - intent.writtenMs > session.options.intentLeaseMs)
    for (const intent of dead) await remove(session, intent.key)
    const alive = others.filter((intent) => !dead.includes(intent))
    if (alive.length === 0) return leftMs() > 0
    if (alive.some((intent) => intent.key < mine)) return false
    await pause(session.options.clock, pollMs, signal)
  }
  return false
}

async function list(session: S3Session, folder: string, signal?: AbortSignal): Promise<Intent[]> {
  const { Contents } = await session.call(
    ({ client, sdk, bucket, abortSignal }) =>
      client.send(new sdk.ListObjectsV2Command({ Bucket: bucket, Prefix: folder }), { abortSignal }),
    { signal },
  )
  return (Contents ?? []).map(({ Key, LastModified }) => ({ key: Key ?? '', writtenMs: LastModified?.getTime() ?? 0 }))
}

async function remove(session: S3Session, key: string): Promise<void> {
  await session.call(({ client, sdk, bucket, abortSignal }) =>
    client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: key }), { abortSignal }),
  )
}
