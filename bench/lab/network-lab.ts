/**
 * A laboratory of hosts on this machine: one network namespace per host, sites with a line of their own, distances between them.
 *
 *   host --veth (tbf: its upload)--> bridge of the site --> TUN device (htb: the site's upload) --> delay relay --+
 *   host <--veth (tbf: its download)-- bridge (htb: the site's download) <----------------------------------------+
 *
 * Host h of site s (both from 1) is 10.77.s.h; hosts of one site reach each other over the bridge, without the relay. The
 * caller reaches every host without delay. Needs root, iproute2, /dev/net/tun and a C++ compiler, for the relay.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { HoldfastError } from '../../common/index.ts'
import { packageRoot } from '../../node/system/index.ts'
import { type FairLine, fairLineCommands } from './fair-line.ts'
import { sentBytes } from './network-counters.ts'

export interface LabSite {
  readonly name: string
  readonly hostNames: readonly string[]
  /** Of the line that all hosts of the site share; null: no limit but the hosts' own. */
  readonly upBytesPerS: number | null
  readonly downBytesPerS: number | null
  /** Of each host's own line. */
  readonly hostUpBytesPerS: number
  readonly hostDownBytesPerS: number
}

export interface LabSpec {
  readonly sites: readonly LabSite[]
  /** Between sites, one way, in the order of `sites`. */
  readonly delayMs: readonly (readonly number[])[]
  /** Of packets between sites, lost at random; 0.01 is one of a hundred. Without it none is. */
  readonly dropShare?: number
}

export interface LabHost {
  readonly name: string
  readonly site: string
  readonly address: string
  /** Runs a command on this host, put before it. */
  readonly enter: readonly string[]
}

const run = promisify(execFile)

/**
 * Rates are of what programs send; shapers count frames: 1,448 bytes of it in 1,500 of IPv4 and TCP with time stamps, and 14 of Ethernet.
 */
const frameShare = 1514 / 1448
/** Bytes that a shaper lets through at once: some twenty full packets, or short bursts would be cut into trickles. */
const burstBytes = 32_768
/** Longest wait in a shaper's queue; what comes later is dropped, which tells TCP of the limit. */
const queueMs = 100
/** One laboratory per machine: the addresses and the route of the caller are fixed. */
const callerLink = 'hflab'
/** Where hosts reach the caller. */
export const callerAddress = '10.77.255.1'
const coreName = 'hflab-core'
/** In each site an address and a link that nobody has. */
const holeHost = 253
const holeLink = '02:00:00:00:00:01'

/** Why there can be no laboratory here; null when there can. */
export function labObstacle(): string | null {
  if (process.platform !== 'linux') return 'network namespaces need Linux'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  for (const [command, argument] of [
    ['ip', '-V'],
    ['tc', '-V'],
    ['c++', '--version'],
  ] as const) {
    try {
      execFileSync(command, [argument], { stdio: 'ignore' })
    } catch {
      return `${command} is not installed`
    }
  }
  return null
}

/** What is in the way of one more; null when nothing is. It may be in use, or be what is left of a run that was killed. */
export function otherLab(): string | null {
  const isThere = existsSync(`/run/netns/${coreName}`)
  return isThere ? 'another laboratory is up on this machine: its network namespaces are called hflab-*' : null
}

export class NetworkLab {
  readonly hosts: readonly LabHost[]
  private readonly folder: string
  private readonly sites: readonly string[]
  private readonly namespaces: readonly string[]
  /** Of these: another laboratory may have some of the same names. */
  private readonly madeNamespaces: string[] = []
  private relay: ChildProcess | null = null

  private constructor(spec: LabSpec, folder: string) {
    this.folder = folder
    this.sites = spec.sites.map(({ name }) => name)
    this.hosts = spec.sites.flatMap(({ name: site, hostNames }, siteIndex) =>
      hostNames.map((name, hostIndex) => ({
        name,
        site,
        address: addressOf(siteIndex, hostIndex),
        enter: ['ip', 'netns', 'exec', namespaceOf(siteIndex, hostIndex)],
      })),
    )
    this.namespaces = [
      coreName,
      ...spec.sites.flatMap(({ hostNames }, site) => hostNames.map((_, host) => namespaceOf(site, host))),
    ]
  }

  /** SYSTEM when a command fails; what was made until then is taken down again. */
  static async create(spec: LabSpec): Promise<NetworkLab> {
    const lab = new NetworkLab(spec, await mkdtemp(join(tmpdir(), 'holdfast-lab-')))
    try {
      await lab.build(spec)
    } catch (cause) {
      await lab.dispose()
      throw new HoldfastError('SYSTEM', `The laboratory could not be built: ${(cause as Error).message}`, { cause })
    }
    return lab
  }

  host(name: string): LabHost {
    const found = this.hosts.find((host) => host.name === name)
    if (found === undefined) throw new HoldfastError('BAD_REQUEST', `The laboratory has no host ${name}.`)
    return found
  }

  /** Bytes of programs that have come into a site from others, near enough: what stands around them in a full packet is taken off. */
  async receivedBytes(site: string): Promise<number> {
    const index = this.sites.indexOf(site)
    return (await sentBytes(coreName, `br${index + 1}`)) / frameShare
  }

  /** Nothing comes from a host or goes to it any more. */
  async cut(host: string): Promise<void> {
    await this.on(host, 'ip', 'link', 'set', 'eth0', 'down')
  }

  /** The line of a host that was cut carries again. */
  async mend(host: string): Promise<void> {
    const { enter, address } = this.host(host)
    const gateway = address.replace(/\d+$/, '254')
    for (const words of [
      ['link', 'set', 'eth0', 'up'],
      // It went with the link.
      ['route', 'add', 'default', 'via', gateway],
    ]) {
      const [command, ...rest] = [...enter, 'ip', ...words]
      await run(command!, rest)
    }
  }

  /** Of packets between sites, from now on. */
  setDropShare(share: number): void {
    this.relay!.stdin!.write(`${share}\n`)
  }

  /** What a host sends to these others is lost on its way, without a word; the caller still reaches it. */
  async silence(host: string, towards: readonly string[]): Promise<void> {
    const { address } = this.host(host)
    const hole = `${address.slice(0, address.lastIndexOf('.'))}.${holeHost}`
    await this.on(host, 'ip', 'neigh', 'replace', hole, 'lladdr', holeLink, 'dev', 'eth0', 'nud', 'permanent')
    for (const other of towards) {
      const target = `${this.host(other).address}/32`
      await this.on(host, 'ip', 'route', 'replace', target, 'via', hole, 'dev', 'eth0', 'onlink')
    }
  }

  async endSilence(host: string, towards: readonly string[]): Promise<void> {
    for (const other of towards) await this.on(host, 'ip', 'route', 'delete', `${this.host(other).address}/32`)
  }

  private on(host: string, ...words: string[]): Promise<unknown> {
    const [command, ...rest] = [...this.host(host).enter, ...words]
    return run(command!, rest)
  }

  async dispose(): Promise<void> {
    this.relay?.kill('SIGKILL')
    if (this.madeNamespaces.includes(coreName)) await run('ip', ['link', 'delete', callerLink]).catch(() => {})
    for (const name of this.madeNamespaces) await run('ip', ['netns', 'delete', name]).catch(() => {})
    await rm(this.folder, { recursive: true, force: true })
  }

  private async build(spec: LabSpec): Promise<void> {
    const relayPath = join(this.folder, 'delay_relay')
    await run('c++', ['-std=c++20', '-O2', '-o', relayPath, relaySourcePath()])
    for (const name of this.namespaces) {
      await run('ip', ['netns', 'add', name])
      this.madeNamespaces.push(name)
      await run('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
    }
    await run('ip', [
      'netns',
      'exec',
      coreName,
      'sysctl',
      '-qw',
      'net.ipv4.ip_forward=1',
      'net.ipv4.conf.all.rp_filter=0',
      'net.ipv4.conf.default.rp_filter=0',
      'net.ipv4.conf.all.send_redirects=0',
      'net.ipv4.conf.default.send_redirects=0',
    ])
    await this.linkCaller()
    await this.startRelay(relayPath, spec)
    for (const [index, site] of spec.sites.entries()) await this.addSite(index, site)
  }

  /** The caller's packets go straight to the bridges, and the answers straight back. */
  private async linkCaller(): Promise<void> {
    await run('ip', ['link', 'add', callerLink, 'type', 'veth', 'peer', 'name', 'caller', 'netns', coreName])
    await run('ip', ['address', 'add', `${callerAddress}/24`, 'dev', callerLink])
    await run('ip', ['link', 'set', callerLink, 'up'])
    await core('address', 'add', '10.77.255.2/24', 'dev', 'caller')
    await core('link', 'set', 'caller', 'up')
    await run('ip', ['route', 'add', '10.77.0.0/16', 'via', '10.77.255.2'])
    await core('rule', 'add', 'to', '10.77.255.0/24', 'lookup', 'main', 'priority', '50')
  }

  private async startRelay(path: string, { sites, delayMs, dropShare = 0 }: LabSpec): Promise<void> {
    const tuns = sites.map((_, index) => `tun${index + 1}`)
    const relay = spawn('ip', ['netns', 'exec', coreName, path, String(dropShare), ...tuns], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.relay = relay
    relay.stdin.write(`${delayMs.map((row) => row.join(' ')).join('\n')}\n`)
    await new Promise<void>((resolve, reject) => {
      createInterface(relay.stdout).once('line', () => resolve())
      relay.once('exit', (code) => reject(new Error(`the delay relay ended with ${code}`)))
    })
  }

  private async addSite(site: number, spec: LabSite): Promise<void> {
    const [tun, bridge, table] = [`tun${site + 1}`, `br${site + 1}`, String(100 + site)]
    await core('link', 'set', tun, 'up')
    await core('link', 'add', bridge, 'type', 'bridge')
    await core('address', 'add', `10.77.${site + 1}.254/24`, 'dev', bridge)
    await core('link', 'set', bridge, 'up')
    await core('route', 'add', 'default', 'dev', tun, 'table', table)
    await core('rule', 'add', 'iif', bridge, 'lookup', table, 'priority', String(100 + site))
    const [inside, outside] = [this.addressesOf(spec, true), this.addressesOf(spec, false)]
    const pairs = outside.flatMap((far) => inside.map((near) => [near, far] as const))
    if (spec.upBytesPerS !== null) await this.share(tun, spec.upBytesPerS, pairs)
    const downPairs = pairs.map(([near, far]) => [far, near] as const)
    if (spec.downBytesPerS !== null) await this.share(bridge, spec.downBytesPerS, downPairs)
    for (const host of spec.hostNames.keys()) await this.addHost(site, host, spec)
  }

  private addressesOf({ name }: LabSite, isInside: boolean): string[] {
    return this.hosts.filter(({ site }) => (site === name) === isInside).map(({ address }) => address)
  }

  private async share(device: string, bytesPerS: number, pairs: FairLine['pairs']): Promise<void> {
    const bitsPerS = bitsOf(bytesPerS)
    const queueBytes = burstBytes + Math.round((bitsPerS / 8) * (queueMs / 1_000))
    const batch = join(this.folder, `${device}.tc`)
    await writeFile(batch, fairLineCommands({ device, bitsPerS, burstBytes, queueBytes, pairs }).join('\n'))
    await run('tc', ['-n', coreName, '-batch', batch])
  }

  private async addHost(site: number, host: number, spec: LabSite): Promise<void> {
    const name = namespaceOf(site, host)
    const port = `p${site + 1}-${host + 1}`
    await core('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    await core('link', 'set', port, 'master', `br${site + 1}`, 'up')
    await run('ip', ['-n', name, 'address', 'add', `${addressOf(site, host)}/24`, 'dev', 'eth0'])
    // Packets as they are on a line: one of 64 kB, which a device would cut, is longer than a queue here and never gets through.
    await run('ip', ['-n', name, 'link', 'set', 'eth0', 'gso_max_segs', '1', 'up'])
    await run('ip', ['-n', name, 'route', 'add', 'default', 'via', `10.77.${site + 1}.254`])
    await shape(name, 'eth0', spec.hostUpBytesPerS)
    await shape(coreName, port, spec.hostDownBytesPerS)
  }
}

function core(...words: string[]): Promise<unknown> {
  return run('ip', ['-n', coreName, ...words])
}

function shape(namespace: string, device: string, bytesPerS: number): Promise<unknown> {
  const latency = ['latency', `${queueMs}ms`]
  return run('tc', ['-n', namespace, 'qdisc', 'add', 'dev', device, 'root', 'tbf', ...rateOf(bytesPerS), ...latency])
}

function rateOf(bytesPerS: number): string[] {
  return ['rate', `${bitsOf(bytesPerS)}bit`, 'burst', String(burstBytes)]
}

function bitsOf(bytesPerS: number): number {
  return Math.round(bytesPerS * frameShare * 8)
}

function namespaceOf(site: number, host: number): string {
  return `hflab-${site + 1}-${host + 1}`
}

function addressOf(site: number, host: number): string {
  return `10.77.${site + 1}.${host + 1}`
}

function relaySourcePath(): string {
  return join(packageRoot, 'native', 'tools', 'delay_relay.cc')
}
