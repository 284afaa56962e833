import { createStore, connectStore } from '../../native/index.ts'
import { createOnnxRuntime } from './index.ts'
import { mkdtempSync, copyFileSync } from 'node:fs'
import { join } from 'node:path'
const folder = mkdtempSync('/tmp/zzstore-')
const socketPath = join(folder, 's.sock')
const store = createStore({ socketPath, memoryLimitBytes: 1 << 30, diskPath: join(folder, 'disk'), diskLimitBytes: 1 << 30, connectionsMax: 8, leasesPerConnectionMax: 8 }, { onOpenMiss: (m) => store.refuseOpen(m.requestId, 'UNKNOWN_MODEL', 'no'), onLease: (e) => console.log(JSON.stringify(e)) })
const runtime = createOnnxRuntime({ socketPath, workerCount: Number(process.argv[3] ?? 1), intraOpThreads: 1, onWorkerDied: (r, d) => console.log('DIED', r, d) })
await runtime.start()
const p = join(folder, 'd.ort'); copyFileSync(process.argv[2]!, p)
const { sha256, sizeBytes } = await store.importFile(p)
await store.promote(sha256)
store.publish({ digest: sha256, files: [{ path: 'model.ort', sha256, sizeBytes }] }, [])
if (process.argv[4]) { const c = await connectStore(socketPath); const m = await c.open('sha256:' + sha256); const b = m.files[0]!.bytes; console.log('len', b.length, 'offset', b.byteOffset, b.buffer.byteLength); let s = 0; for (let i = 0; i < b.length; i += 4096) s += b[i]!; console.log('sum', s); m.close(); c.close() }
await runtime.load(sha256).then((s) => console.log(JSON.stringify(s)), (e) => console.log('ERR', e.message))
await runtime.stop(); await store.close()
