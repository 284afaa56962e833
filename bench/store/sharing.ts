/** Many clients of one model: what each has of its own, and how soon the leases of a killed one are free. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { HoldfastError } from '../../common/index.ts'
import { median } from '../statistics.ts'
import type { BenchRow } from '../types.ts'
import { mappedMemoryOfAll } from './memory-maps.ts'
import type { StoreBenchPlan, StoreBenchSetup } from './setup.ts'

const crashLeases = 64

export async function sharingRows(setup: StoreBenchSetup, plan: StoreBenchPlan): Promise<BenchRow[]> {
  const { store, sourceFolder, say } = setup
  const name = 'bench/shared'
  await store.addRandom(name, plan.sharedBytes, sourceFolder, 8000)
  const rows: BenchRow[] = []
  for (const count of plan.sharingClients) {
    say(`${count} clients of one model`)
    const holders = await startHolders(setup, name, count, 1)
    const { segmentBytes, copiedBytes, unsharedBytes, otherPrivateBytes } = await mappedMemoryOfAll(holders.pids)
    await holders.stop()
    const pages = `of ${Math.round(segmentBytes / count / 2 ** 20)} MiB mapped by each`
    rows.push({
      id: `weights_private_pct/${count}`,
      value: (100 * copiedBytes) / segmentBytes,
      unit: '%',
      n: count,
      note: `pages that one client has for itself, ${pages}; goal 1`,
    })
    rows.push({
      id: `weights_unshared_pct/${count}`,
      value: (100 * unsharedBytes) / segmentBytes,
      unit: '%',
      n: count,
      note: "the kernel's Private_*: it counts shared pages that only one process maps, so all of them with one client",
    })
    rows.push({
      id: `client_overhead_kb/${count}`,
      value: otherPrivateBytes / count / 1000,
      unit: 'kB',
      n: count,
      note: 'other private memory of a client: libc, library, stacks',
    })
  }
  rows.push(await crashRow(setup, plan, name))
  await store.remove(name)
  return rows
}

async function crashRow(setup: StoreBenchSetup, plan: StoreBenchPlan, name: string): Promise<BenchRow> {
  const { store, say } = setup
  say(`kill -9 of a client with ${crashLeases} leases`)
  const tookMs: number[] = []
  for (let repeat = 0; repeat < plan.crashRepeats; repeat++) {
    const holders = await startHolders(setup, name, 1, crashLeases)
    // Counts as events come: the last ones may be on their way.
    while ((await store.leases()) < crashLeases);
    const startedMs = performance.now()
    process.kill(holders.pids[0]!, 'SIGKILL')
    while ((await store.leases()) > 0);
    tookMs.push(performance.now() - startedMs)
    await holders.stop()
  }
  const note = `until the store counts none of its ${crashLeases} leases; goal 100`
  return { id: 'crash_release_ms', value: median(tookMs), unit: 'ms', n: tookMs.length, note }
}

async function startHolders(
  { store, programs }: StoreBenchSetup,
  name: string,
  clients: number,
  leasesEach: number,
): Promise<{ pids: number[]; stop: () => Promise<void> }> {
  const args = [store.socketPath, name, String(clients), String(leasesEach)]
  const child: ChildProcess = spawn(programs.path('holders'), args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const line = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout!).once('line', resolve)
    void gone.then(() => reject(new HoldfastError('SYSTEM', 'Clients of the bench failed; the error above says why.')))
  })
  return {
    pids: line.split(' ').map(Number),
    stop: async () => {
      child.stdin!.end()
      await gone
    },
  }
}
