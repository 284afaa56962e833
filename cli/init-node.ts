/** What `holdfast init` does: decides what to write, refuses to overwrite, writes. */
import { lstat, readFile, statfs } from 'node:fs/promises'
import { networkInterfaces, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { HoldfastError } from '../common/index.ts'
import { generateAdminToken } from '../node/admin/index.ts'
import { memoryNeedsBytes, readMemoryFacts, usableBytes } from '../node/checks/index.ts'
import { loadConfig } from '../node/config/index.ts'
import { ClusterKey, parseClusterKeys } from '../node/net/index.ts'
import { makeFolder } from '../node/system/index.ts'
import { firstConfig, multiaddrOf } from './first-config.ts'
import { defaultConfigPath } from './node-client.ts'
import { writeNewFiles } from './write-new-files.ts'

export interface InitFlags {
  readonly dir?: string
  readonly origin?: string
  readonly host?: string
  readonly join?: string[]
  readonly clusterKeyFile?: string
  readonly dataDir?: string
  readonly clusterPort: number
  readonly bulkPort: number
  readonly httpPort: number
  readonly json?: boolean
  readonly newIdentity?: boolean
}

export interface InitReport {
  readonly folder: string
  readonly configPath: string
  readonly files: readonly { readonly name: string; readonly what: string }[]
  readonly startHere: string
  readonly startThere: string
  readonly secondBoxNote: string
}

const secretMode = 0o600
const GiB = 2 ** 30
const MiB = 2 ** 20

export async function initNode(flags: InitFlags): Promise<InitReport> {
  const folder = resolve(flags.dir ?? defaultConfigPath())
  const keyFile = join(folder, 'cluster.key')
  const tokenFile = join(folder, 'admin.token')
  const configPath = join(folder, 'node.yaml')
  for (const path of [keyFile, tokenFile, configPath]) await refuseExisting(path)
  const keyText =
    flags.clusterKeyFile === undefined ? `${ClusterKey.generate().text()}\n` : await keyOf(flags.clusterKeyFile)
  const given = flags.host ?? lanAddress()
  // Another loopback address was meant: two nodes on one machine, say.
  const host = given === null || given === '127.0.0.1' || given === 'localhost' || given === '::1' ? null : given
  await makeFolder(folder, 0o700)
  const config = firstConfig({
    keyFile,
    tokenFile,
    host,
    clusterPort: flags.clusterPort,
    bulkPort: flags.bulkPort,
    httpPort: flags.httpPort,
    originUrl: flags.origin ?? null,
    bootstrap: flags.join ?? [],
    dataPath: flags.dataDir === undefined ? null : resolve(flags.dataDir),
    memoryLimitBytes: memoryLimitFor(machineBytes(), memoryNeedsBytes(loadConfig({}).options)),
    diskLimitBytes: diskLimitFor(await freeDiskBytes(folder)),
  })
  await writeNewFiles([
    { path: keyFile, text: keyText, mode: secretMode },
    { path: tokenFile, text: `${generateAdminToken()}\n`, mode: secretMode },
    { path: configPath, text: config },
  ])
  const origin = flags.origin === undefined ? '' : ` --origin ${flags.origin}`
  return {
    folder,
    configPath,
    files: [
      { name: 'cluster.key', what: 'every node of the cluster has to have it, and nobody else' },
      { name: 'admin.token', what: 'for commands that change something' },
      { name: 'node.yaml', what: 'the configuration; read it through' },
    ],
    startHere: `holdfast node --config ${configPath}`,
    secondBoxNote:
      host === null
        ? 'This node stays alone: for a second box, set cluster.listen in node.yaml, or run init again with --host. Then there:'
        : `On a second box, after copying ${keyFile} there over a channel that you trust:`,
    startThere: `holdfast init --cluster-key-file cluster.key --join ${multiaddrOf(host ?? 'ADDRESS', flags.clusterPort)}${origin}`,
  }
}

/**
 * Half of what the machine or its control group has, in steps that read well: the other half is for programs that use the weights. No
 * more than the node itself leaves.
 */
export function memoryLimitFor(totalBytes: number, needsBytes: number): number {
  const step = totalBytes >= 8 * GiB ? GiB : totalBytes >= 2 * GiB ? 256 * MiB : 16 * MiB
  return Math.max(64 * MiB, Math.floor(Math.min(totalBytes / 2, totalBytes - needsBytes) / step) * step)
}

function machineBytes(): number {
  const facts = readMemoryFacts()
  return facts === null ? totalmem() : usableBytes(facts)
}

/** Half of what is free, and no more than one would miss. */
export function diskLimitFor(freeBytes: number): number {
  return Math.max(GiB, Math.min(256 * GiB, Math.floor(freeBytes / 2 / GiB) * GiB))
}

/** The address that other machines most likely reach: of the first network that is neither this machine nor a container bridge. */
export function lanAddress(interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces()): string | null {
  for (const [name, addresses] of Object.entries(interfaces)) {
    if (/^(docker|br-|veth|virbr|cni|flannel)/.test(name)) continue
    const address = addresses?.find(({ family, internal }) => family === 'IPv4' && !internal)
    if (address !== undefined) return address.address
  }
  return null
}

async function refuseExisting(path: string): Promise<void> {
  try {
    await lstat(path)
  } catch {
    return
  }
  throw new HoldfastError(
    'BAD_CONFIG',
    `${path} exists already and is not overwritten; pass another --dir, or remove it.`,
  )
}

async function keyOf(path: string): Promise<string> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new HoldfastError('BAD_CONFIG', `The cluster key ${path} cannot be read: ${(cause as Error).message}`, {
      cause,
    })
  }
  return `${parseClusterKeys(text)
    .map((key) => key.text())
    .join('\n')}\n`
}

async function freeDiskBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}
