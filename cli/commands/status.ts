/** `holdfast status`: one node on one screen. */
import { Command } from 'commander'
import { formatBytes, formatSeconds } from '../../common/index.ts'
import type { ModelView, NodeStatus } from '../../node/admin/index.ts'
import { addNodeOptions, clientOf, type NodeFlags } from '../node-option.ts'
import { type Cell, formatMs, printJson, printRows, shortId } from '../print.ts'

const help = `
Shows how full memory and disk are, how many programs hold weights, which nodes are seen, how requests of the last minutes went, the last
errors, and the models that are here.

Example:
  $ holdfast status
  $ holdfast status --json | jq .memory`

export function statusCommand(): Command {
  return addNodeOptions(new Command('status').description('show a node: memory, disk, leases, peers and its models'))
    .addHelpText('after', help)
    .action(runStatus)
}

async function runStatus(flags: NodeFlags): Promise<void> {
  const client = clientOf(flags)
  const status = await client.get<NodeStatus>('/v1/status')
  const { models } = await client.get<{ models: ModelView[] }>('/v1/models')
  const here = models.filter(({ tier, loading }) => tier !== null || loading !== null)
  if (flags.json) return printJson({ ...status, held: here })
  printRows(['', ''], lines(status))
  if (here.length === 0) return
  console.log('')
  printRows(['MODEL', 'TIER', 'SIZE', 'REQUESTS', 'NOW'], here.map(modelCells))
}

function lines(status: NodeStatus): Cell[][] {
  const { memory, disk, peers, pins } = status
  const named = [status.name, `zone ${status.zone}`].filter((text) => text !== '').join(', ')
  return [
    ['node', `${status.node} (${named})`],
    ['version', `${status.version}, up ${formatSeconds(status.uptimeMs / 1000)}${status.ready ? '' : ', NOT READY'}`],
    ['memory', share(memory)],
    ['large pages', pagesText(status.largePages)],
    ['disk', share(disk)],
    ['programs', `${status.connections} connected, ${status.leases} models open`],
    ['peers', `${peers.known}${peers.suspected > 0 ? `, ${peers.suspected} of them suspected` : ''}`],
    ['pins', `${pins.total}${pins.missing > 0 ? `, ${pins.missing} of them not here` : ''}`],
    ['banned', status.bans],
    ['requests', requestsText(status.requests)],
    ...status.disks.map(({ path, freeBytes, isFull }) => [
      'free disk',
      `${formatBytes(freeBytes)} at ${path}${isFull ? ', FULL' : ''}`,
    ]),
    ...(status.diskFailures > 0 ? [['disk failures', `${status.diskFailures} writes were refused`]] : []),
    ['origin', originText(status)],
    ...status.errors.map(errorLine),
    ...identityLine(status),
    ['cluster', status.addresses.join(' ')],
    ['weights', status.bulkAddress],
    ['socket', status.socketPath],
    ['workers', confinementText(status.workers)],
    ['converter', confinementText(status.converter)],
    ...status.setAside.map(({ model, reason, answersLeft }) => [
      'set aside',
      `${shortId(model)} (${reasonTexts[reason]}), until it has answered ${answersLeft} times`,
    ]),
  ]
}

const reasonTexts: Readonly<Record<NodeStatus['setAside'][number]['reason'], string>> = {
  crash: 'it killed workers',
  'run-time': 'it ran too long',
  'load-time': 'it took too long to load',
  memory: 'it wanted too much memory',
}

function identityLine({ identityClaims: claims }: NodeStatus): Cell[][] {
  if (claims === null) return []
  const last = new Date(claims.lastAtMs).toISOString()
  return [
    [
      'identity',
      `IDENTITY_IN_USE: claimed ${claims.count} times by another box, last ${last}; there: holdfast init --new-identity`,
    ],
  ]
}

function requestsText({ windowS, ratePerS, hitRatio, errorRatio, latencyMs }: NodeStatus['requests']): string {
  const percent = (ratio: number) => `${Math.round(100 * ratio)}%`
  const parts = [
    `${Number(ratePerS.toPrecision(2))}/s over ${formatSeconds(windowS)}`,
    ...(hitRatio === null ? [] : [`${percent(hitRatio)} from memory`]),
    ...(errorRatio === null || errorRatio === 0 ? [] : [`${percent(errorRatio)} failed`]),
    ...(latencyMs === null
      ? []
      : [`half within ${formatMs(latencyMs.p50)}, 95% ${formatMs(latencyMs.p95)}, 99% ${formatMs(latencyMs.p99)}`]),
  ]
  return parts.join(', ')
}

function originText({ originUrl, originAwaySinceMs }: NodeStatus): string {
  if (originAwaySinceMs === null) return originUrl
  return `${originUrl}, AWAY since ${new Date(originAwaySinceMs).toISOString()}`
}

function errorLine({ code, count, lastAtMs, message }: NodeStatus['errors'][number]): Cell[] {
  return ['error', `${code} ${count} times, last ${new Date(lastAtMs).toISOString()}: ${message}`]
}

function confinementText(given: NodeStatus['workers']): string {
  if (given === null) return 'none has started'
  const { systemCalls, filesAbi, refusal } = given
  const parts = [
    systemCalls ? 'no network (seccomp)' : 'NOT kept from the network',
    filesAbi > 0 ? `files read-only (Landlock ${filesAbi})` : 'NOT kept from files',
  ]
  return [...parts, ...(refusal === null ? [] : [refusal])].join(', ')
}

function share({ usedBytes, limitBytes }: NodeStatus['memory']): string {
  const percent = limitBytes === 0 ? 0 : Math.round((100 * usedBytes) / limitBytes)
  return `${formatBytes(usedBytes)} of ${formatBytes(limitBytes)} (${percent}%)`
}

function pagesText({ reserved, asked, reservedBytes, freeBytes, shared }: NodeStatus['largePages']): string {
  const parts = [
    ...(reserved.segments > 0 ? [`${formatBytes(reserved.bytes)} of weights on reserved ones`] : []),
    ...(asked.segments > 0 ? [`${formatBytes(asked.bytes)} on what the kernel gives (shmem_enabled: ${shared})`] : []),
    ...(reservedBytes > 0 ? [`${formatBytes(freeBytes)} of ${formatBytes(reservedBytes)} reserved are free`] : []),
  ]
  return parts.length > 0 ? parts.join(', ') : 'none; `holdfast doctor` says how to have them'
}

function modelCells({ model, names, tier, sizeBytes, ratePerS, loading, isLoaded, weights }: ModelView): Cell[] {
  const percent =
    loading === null || loading.totalBytes === 0
      ? ''
      : ` ${Math.floor((100 * loading.doneBytes) / loading.totalBytes)}%`
  const now = loading !== null ? `${loading.state}${percent}` : isLoaded ? ready(weights) : ''
  return [
    names.join(' ') || shortId(model),
    tier,
    sizeBytes === null ? null : formatBytes(sizeBytes),
    `${Number(ratePerS.toPrecision(2))}/s`,
    now,
  ]
}

function ready(weights: ModelView['weights']): string {
  return weights === 'copied' ? 'ready to run, weights copied by the runtime' : 'ready to run'
}
