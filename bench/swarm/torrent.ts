/** The same crowd by BitTorrent: aria2 on every host, a seeder beside the origin, a tracker that no line is between. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import { missingTools } from '../bulk/tools.ts'
import { callerAddress, type LabHost } from '../lab/network-lab.ts'
import { writeRandomFile } from '../random-file.ts'
import { makeTorrent, Tracker } from './torrent-file.ts'

const fileName = 'weights.bin'
const lookMs = 20

/** Seconds of each host; null, with a reason said, where aria2 is absent. */
export async function torrentSeconds(
  origin: LabHost,
  hosts: readonly LabHost[],
  sizeBytes: number,
  say: (text: string) => void,
): Promise<number[] | null> {
  const missing = await missingTools(['aria2c'])
  if (missing.length > 0) {
    say(`aria2-bittorrent is left out: not installed here: ${missing.join(', ')}`)
    return null
  }
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  const running: ChildProcess[] = []
  const seeding = Promise.withResolvers<void>()
  const tracker = await Tracker.start(callerAddress, (address) => address === origin.address && seeding.resolve())
  try {
    const path = join(folder, fileName)
    await writeRandomFile(path, sizeBytes, 1)
    const torrentPath = join(folder, 'weights.torrent')
    await writeFile(torrentPath, await makeTorrent(path, fileName, sizeBytes, tracker.url))
    running.push(start(origin, [`--dir=${folder}`, '--check-integrity=true', torrentPath]))
    await seeding.promise
    const hookPath = join(folder, 'complete.sh')
    await writeFile(hookPath, '#!/bin/sh\n: >"$(dirname "$3")/complete"\n', { mode: 0o755 })
    const startedMs = performance.now()
    return await Promise.all(
      hosts.map(async (host) => {
        const home = join(folder, host.name)
        await mkdir(home)
        const peer = start(host, [`--dir=${home}`, `--on-bt-download-complete=${hookPath}`, torrentPath])
        running.push(peer)
        while (!existsSync(join(home, 'complete'))) {
          if (peer.exitCode !== null)
            throw new HoldfastError('SYSTEM', `The program aria2c ended with ${peer.exitCode}.`)
          await new Promise((resolve) => setTimeout(resolve, lookMs))
        }
        return (performance.now() - startedMs) / 1000
      }),
    )
  } finally {
    for (const peer of running) peer.kill('SIGKILL')
    await tracker.stop()
    await rm(folder, { recursive: true })
  }
}

/** Goes on seeding when it has the file, until it is killed. */
function start({ enter }: LabHost, args: readonly string[]): ChildProcess {
  const flags = ['--quiet', '--no-conf', '--file-allocation=none', '--seed-ratio=0', '--listen-port=6881']
  const alone = ['--enable-dht=false', '--enable-dht6=false', '--bt-enable-lpd=false', '--disable-ipv6=true']
  const [command, ...words] = [...enter, 'aria2c', ...flags, ...alone, ...args]
  return spawn(command!, words, { stdio: ['ignore', 'ignore', 'inherit'] })
}
