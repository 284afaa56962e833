/** The native part, by using it: a store in a temporary folder, a few bytes sealed, opened by a client and read. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { blobIdOf } from '../../origin/index.ts'
import { ok, type Verdict } from './types.ts'

export async function checkStore(): Promise<Verdict> {
  const { connectStore, createStore } = await import('../../native/index.ts')
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-doctor-'))
  try {
    const socketPath = join(folder, 'store.sock')
    const store = createStore(
      {
        socketPath,
        memoryLimitBytes: 2 ** 20,
        diskPath: join(folder, 'disk'),
        diskLimitBytes: 0,
        connectionsMax: 4,
        leasesPerConnectionMax: 4,
      },
      { onOpenMiss: () => undefined, onLease: () => undefined },
    )
    try {
      const bytes = Buffer.from('holdfast')
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      const sizeBytes = bytes.byteLength
      const chunks = [{ sha256, sizeBytes }]
      const id = blobIdOf({ chunks })
      const fill = store.beginFill({ id, sizeBytes, chunks }, { memory: true, disk: false })
      await fill.putChunk(0, bytes)
      await fill.finish()
      store.publish({ digest: sha256, files: [{ path: 'probe', id, sha256, sizeBytes }] }, [])
      const client = await connectStore(socketPath)
      try {
        using model = await client.open(`sha256:${sha256}`, { deadlineMs: 5_000 })
        if (!bytes.equals(model.file('probe').bytes))
          throw new Error('a sealed segment did not read back as it was written')
      } finally {
        client.close()
      }
    } finally {
      await store.close()
    }
    return ok('the native part loads, seals memory and hands it to clients')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
