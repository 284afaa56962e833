/** The report of one run: what came out, when, where and why, then the scenario and the command that gives all of it again. */
import type { RunResult } from '../index.ts'
import { failedCount, servedPercent } from './figures.ts'
import { nodeMap } from './node-map.ts'
import { cards, code, folded, heading, page, paragraph, plots, table, wide } from './page.ts'
import {
  bytesPlot,
  changesPlot,
  decileHitPlot,
  decilePlot,
  delayPlot,
  linkPlot,
  loadPlot,
  memoryPlot,
  reasonPlots,
  servedPlot,
} from './run-plots.ts'
import { escapeText } from './svg.ts'
import { formatBytes, formatCount, formatMs, formatPercent, formatSpan, formatUsd } from './units.ts'

export interface RunPage {
  readonly result: RunResult
  /** The scenario as it ran, YAML. */
  readonly scenarioText: string
  /** What repeats the run, to be typed. */
  readonly command: string
}

const servedNames = {
  memory: 'memory of the node that was asked',
  disk: 'disk of that node, then started',
  forwarded: 'another holder, forwarded',
  peer: 'fetched from peers',
  origin: 'fetched from the origin',
} as const

const failureNames = {
  'no-source': 'nobody to fetch from',
  'too-large': 'larger than the memory',
  lost: 'lost with a node that crashed',
  'node-down': 'asked of a node that was down',
  deadline: 'not answered within their deadline',
} as const

const wasteNames = {
  wrong: 'of it: bytes with another hash, from a node that lies',
  'given-up': 'of it: of fetches that were given up, or came twice',
  crashed: 'of it: for nodes that crashed meanwhile',
} as const

export function runPage({ result, scenarioText, command }: RunPage): string {
  const { totals, findings, events } = result
  return page({
    title: result.scenario,
    subtitle: subtitleOf(result),
    parts: [
      result.about === '' ? '' : paragraph(result.about),
      ...result.overloads.map(({ problem }) => `<p class="finding">${escapeText(problem)}</p>`),
      findingsPart(findings),
      cards(headline(result)),
      plots([decilePlot(result), servedPlot(result), delayPlot(result), bytesPlot(result)]),
      heading('Where'),
      wide(nodeMap(result)),
      paragraph(
        'Circles: requests that entered there, coloured by the share that found their model in memory. After the warm-up.',
      ),
      zoneTable(result),
      heading('Who answered'),
      servedTable(totals),
      heading('What placement did'),
      plots([...reasonPlots(result), changesPlot(result), memoryPlot(result), linkPlot(result), loadPlot(result)]),
      heading('Small print'),
      smallPrint(result),
      events.length === 0
        ? ''
        : folded(`What happened to the world: ${events.length} events (flags in the plots)`, eventTable(events)),
      folded('Load delay by popularity, in numbers', plots([decileHitPlot(result)]) + decileTable(totals)),
      heading('Once more'),
      code(command),
      folded('The scenario as it ran, with all defaults', code(scenarioText)),
    ],
  })
}

function subtitleOf({ nodeCount, siteCount, modelCount, modelBytes, durationS, warmupS, ...rest }: RunResult): string {
  const warm = warmupS > 0 ? `, figures without the first ${formatSpan(warmupS)}` : ''
  const policy = `${rest.policy}${rest.peerBlind ? ', blind to peers' : ''}${rest.replication ? '' : ', without replication'}`
  const sites = nodeCount === siteCount ? '' : ` at ${formatCount(siteCount)} sites`
  return `${formatCount(nodeCount)} nodes${sites} with ${formatBytes(rest.memoryLimitBytes)} of memory together, ${formatCount(modelCount)} models of ${formatBytes(modelBytes)}, ${formatSpan(durationS)}${warm}; policy ${policy}; seed ${rest.seed}`
}

function headline({ totals }: RunResult): (readonly [string, string])[] {
  const { loadDelay, originBytes, originUsd, peerSharePercent } = totals
  return [
    [formatMs(loadDelay.meanMs), 'mean load delay'],
    [formatMs(loadDelay.p50Ms), 'median load delay'],
    [formatMs(loadDelay.p99Ms), '99 % of load delays within'],
    [formatPercent(servedPercent(totals, 'memory')), 'served from memory'],
    [formatBytes(originBytes), 'sent by the origin'],
    [formatUsd(originUsd), 'for the origin: egress and requests'],
    [formatPercent(peerSharePercent), 'of the bytes came from peers'],
    [formatCount(failedCount(totals)), `of ${formatCount(totals.requestCount)} requests failed`],
  ]
}

function findingsPart(findings: RunResult['findings']): string {
  if (findings.length === 0) return ''
  const rows = findings.map(({ checker, atS, problem }) => [checker, formatSpan(atS), problem])
  const words = `The checkers found ${findings.length} ${findings.length === 1 ? 'fault' : 'faults'}: this run cannot be believed.`
  return `<p class="finding">${escapeText(words)}</p>${table(['checker', 'at', 'what'], rows)}`
}

function zoneTable({ zones }: RunResult): string {
  const head = [
    'zone',
    'nodes',
    'requests',
    'from memory',
    'mean load delay',
    '99 % within',
    'received from origin',
    'received from peers',
  ]
  const rows = zones.map((zone) => [
    zone.zone,
    formatCount(zone.nodeCount),
    formatCount(zone.requestCount),
    formatPercent(zone.memoryHitPercent),
    formatMs(zone.loadDelayMeanMs),
    formatMs(zone.loadDelayP99Ms),
    formatBytes(zone.originBytes),
    formatBytes(zone.peerBytesIn),
  ])
  const drawn = table(head, rows)
  return zones.length > 24 ? folded(`The ${zones.length} zones, in numbers`, drawn) : drawn
}

function servedTable(totals: RunResult['totals']): string {
  const share = (count: number) =>
    totals.requestCount === 0 ? '-' : formatPercent((100 * count) / totals.requestCount)
  const row = (name: string, count: number) => [name, formatCount(count), share(count)]
  const served = Object.entries(servedNames).map(([key, name]) =>
    row(name, totals.servedBy[key as keyof typeof servedNames]),
  )
  const failed = Object.entries(failureNames)
    .map(([key, name]) => row(`failed: ${name}`, totals.failedBy[key as keyof typeof failureNames]))
    .filter(([, count]) => count !== '0')
  return table(['requests', 'count', 'share'], [...served, ...failed])
}

/** Two tables, since some counts leave the warm-up out and others have to add up over all of the run. */
function smallPrint({ totals, eventCount, warmupS }: RunResult): string {
  const counted = table(
    ['', warmupS > 0 ? 'after the warm-up' : 'in the run'],
    [
      ['requests to the origin', formatCount(totals.originRequestCount)],
      ['sent by the origin', formatBytes(totals.originBytes)],
      ['received from the origin', formatBytes(totals.originReceivedBytes)],
      ['received from peers', formatBytes(totals.peerBytes)],
      ['copied ahead of requests', formatBytes(totals.replicatedBytes)],
      ['read from disk', formatBytes(totals.diskReadBytes)],
      ['mean wait for a worker', formatMs(totals.queueDelay.meanMs)],
    ],
  )
  const whole = table(
    ['', 'in the whole run, with the warm-up and the quiet time at its end'],
    [
      ['gossip received per node', `${formatBytes(totals.gossipBytesPerNodeS)}/s`],
      ['gossip of all nodes', formatBytes(totals.gossipBytes)],
      ['handed over by nodes that left', formatBytes(totals.handedOverBytes)],
      ['came and was thrown away', formatBytes(totals.wastedBytes)],
      ...Object.entries(wasteNames).map(([key, name]) => [
        name,
        formatBytes(totals.wastedByReason[key as keyof typeof wasteNames]),
      ]),
      ['failed though some node could have served', formatCount(totals.wronglyFailedCount)],
      ['turned away though the model fits', formatCount(totals.rejectedCount)],
      ['steps of the simulator', formatCount(eventCount)],
    ],
  )
  return counted + whole
}

function eventTable(events: RunResult['events']): string {
  return table(
    ['at', 'what'],
    events.map(({ atS, text }) => [formatSpan(atS), text]),
  )
}

function decileTable({ loadDelayByDecile }: RunResult['totals']): string {
  return table(
    ['tenth of the models', 'requests', 'from memory', 'mean', 'median', '90 %', '99 %', 'longest'],
    loadDelayByDecile.map(({ requestCount, memoryHitPercent, loadDelay }, index) => [
      String(index + 1),
      formatCount(requestCount),
      formatPercent(memoryHitPercent),
      formatMs(loadDelay.meanMs),
      formatMs(loadDelay.p50Ms),
      formatMs(loadDelay.p90Ms),
      formatMs(loadDelay.p99Ms),
      formatMs(loadDelay.maxMs),
    ]),
  )
}
