/**
 * Libraries that move files between peers, each as two processes (bench/programs/peers). Those that are no dependency of Holdfast have
 * to be installed: bench/programs/peers/package.json names them, and $HOLDFAST_BENCH_PACKAGES the folder where npm has put them.
 */
import { spawn } from 'node:child_process'
import { copyFile, mkdir, symlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { HoldfastError } from '../../common/index.ts'
import { cProgramsPath, packageRoot } from '../store/package-paths.ts'
import type { Contender, Transfer } from './contender.ts'
import { treeSeconds } from './processor-time.ts'
import type { SourceFile } from './source-file.ts'
import { runTool } from './tools.ts'
import { wrongBytes } from './web-tools.ts'

interface Library {
  readonly id: string
  readonly program: string
  readonly words: readonly string[]
}

const libraries: readonly Library[] = [
  { id: 'libp2p-tls', program: 'libp2p.mjs', words: ['tls'] },
  { id: 'libp2p-noise', program: 'libp2p.mjs', words: ['noise'] },
  { id: 'webtorrent', program: 'webtorrent.mjs', words: [] },
]

const programsPath = join(cProgramsPath, 'peers')

/** Those whose packages are there; the others with a reason. */
export async function addLibraries(
  contenders: Contender[],
  folder: string,
  source: SourceFile,
  say: (text: string) => void,
): Promise<void> {
  // A module looks for its packages in the folders above it: those of the bench first, then those of Holdfast.
  const home = join(folder, 'libraries', 'programs')
  await mkdir(home, { recursive: true })
  await symlink(join(packageRoot, 'node_modules'), join(folder, 'libraries', 'node_modules'))
  const packages = process.env.HOLDFAST_BENCH_PACKAGES
  if (packages) await symlink(resolve(packages, 'node_modules'), join(home, 'node_modules'))
  for (const library of libraries) {
    const program = join(home, library.program)
    await copyFile(join(programsPath, library.program), program)
    const words = [program, ...library.words]
    const contender = await LibraryPeer.start(library.id, words, source).catch((error: Error) => {
      say(`${library.id} is left out: ${reasonOf(error)}`)
      return null
    })
    if (contender !== null) contenders.push(contender)
  }
}

function reasonOf({ message }: Error): string {
  if (!message.includes('ERR_MODULE_NOT_FOUND')) return message
  return (
    `a package of it is not installed: copy ${join(programsPath, 'package.json')} into a new folder, run ` +
    '`npm install --ignore-scripts` there and set HOLDFAST_BENCH_PACKAGES to the folder.'
  )
}

class LibraryPeer implements Contender {
  readonly id: string
  private readonly words: readonly string[]
  private readonly source: SourceFile
  private readonly server: { readonly address: string; readonly pid: number; readonly stop: () => Promise<void> }

  private constructor(id: string, words: readonly string[], source: SourceFile, server: LibraryPeer['server']) {
    this.id = id
    this.words = words
    this.source = source
    this.server = server
  }

  /** Rejects with what the program said when it ends before it serves. */
  static async start(id: string, words: readonly string[], source: SourceFile): Promise<LibraryPeer> {
    const child = spawn(process.execPath, [...words, 'serve', source.path], { stdio: ['ignore', 'pipe', 'pipe'] })
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    const address = await Promise.race([
      new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve)),
      new Promise<null>((resolve) => child.once('close', () => resolve(null))),
    ])
    if (address === null) throw new HoldfastError('SYSTEM', said)
    const stop = () => {
      child.kill('SIGKILL')
      return gone
    }
    return new LibraryPeer(id, words, source, { address, pid: child.pid!, stop })
  }

  async transfer() {
    const beforeSeconds = await treeSeconds(this.server.pid)
    const printed = await runTool(process.execPath, [...this.words, 'fetch', this.server.address])
    // It measures itself: the start of Node is no part of the transfer.
    const { seconds, processorSeconds, sha256 } = JSON.parse(printed) as Transfer & { sha256: string }
    if (sha256 !== this.source.sha256) throw wrongBytes(this.id)
    return { seconds, processorSeconds: processorSeconds + (await treeSeconds(this.server.pid)) - beforeSeconds }
  }

  stop(): Promise<void> {
    return this.server.stop()
  }
}
