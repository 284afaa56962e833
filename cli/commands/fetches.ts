/** `holdfast fetches`: models on their way to a node, and how they came. */
import { Command } from 'commander'
import { formatBytes, formatSeconds } from '../../common/index.ts'
import type { FetchSource, TimelineEntry } from '../../core/index.ts'
import type { ClusterMember, FetchTimelineView, FetchView } from '../../node/admin/index.ts'
import type { NodeClient } from '../node-client.ts'
import { addNodeOptions, clientOf, type NodeFlags } from '../node-option.ts'
import { type Cell, formatMs, printJson, printNothing, printRows, shortId } from '../print.ts'

const help = `
Without a number, a row per fetch: those that run and the last ones that ended. With one, its sources and its timeline: which chunks
came from whom, when, how fast, and why they were asked of that source. Chunks have the numbers of their blob's list. Every fetch that
ends is also a line of the log.

Examples:
  $ holdfast fetches
  $ holdfast fetches 1
  $ holdfast fetches 1 --json | jq '.entries[] | select(.kind == "failure")'`

const reasons: Readonly<Record<keyof FetchSource['asked'], string>> = {
  holder: 'has the whole model',
  fetcher: 'fetches the model too',
  'own-share': 'this node takes the chunk for all',
  'home-late': 'the node that takes the chunk for all was late',
  'holders-failing': 'all holders fail',
  'no-peer': 'no peer has the model',
  second: 'the source asked before is slow',
  rarest: 'few of those that fetch the model have the chunk',
  spare: 'nobody wants anything of the holder',
}

const changes: Readonly<Record<Extract<TimelineEntry, { kind: 'source' }>['change'], string>> = {
  lost: 'connection ended',
  back: 'connected again',
  distrusted: 'dropped: it sent wrong bytes',
}

export function fetchesCommand(): Command {
  return addNodeOptions(
    new Command('fetches').description('show models on their way to a node, and from where they came'),
  )
    .argument('[number]', 'of one fetch, for its timeline')
    .addHelpText('after', help)
    .action(runFetches)
}

async function runFetches(number: string | undefined, flags: NodeFlags): Promise<void> {
  const client = clientOf(flags)
  if (number === undefined) return showAll(client, flags)
  const view = await client.get<FetchTimelineView>(`/v1/fetches/${encodeURIComponent(number)}`)
  if (flags.json) return printJson(view)
  const nameOf = await namesOfNodes(client)
  const { fetch, entries, omittedEntries } = view
  printRows(['', ''], lines(fetch))
  console.log('')
  printRows(
    ['SOURCE', 'CAME', 'CHUNKS', 'RATE', 'FAILURES', 'NOW', 'ASKED BECAUSE'],
    fetch.sources.map((source) => sourceCells(source, nameOf)),
  )
  console.log('')
  const earlier: Cell[][] =
    omittedEntries === 0 ? [] : [['', `${omittedEntries} earlier entries were dropped`, '', '', '', '']]
  printRows(
    ['AT', 'SOURCE', 'WHAT', 'CAME', 'RATE', 'WHY'],
    [...earlier, ...entries.map((entry) => entryCells(entry, nameOf, new Set(blobsOf(entries)).size > 1))],
  )
}

async function showAll(client: NodeClient, flags: NodeFlags): Promise<void> {
  const { fetches } = await client.get<{ fetches: FetchView[] }>('/v1/fetches')
  if (flags.json) return printJson({ fetches })
  if (fetches.length === 0) return printNothing('Nothing was fetched since the node started.')
  const nameOf = await namesOfNodes(client)
  printRows(
    ['FETCH', 'MODEL', 'STATE', 'HERE', 'RATE', 'TIME', 'FAILURES', 'FROM'],
    fetches.map((fetch) => [
      fetch.id,
      modelOf(fetch),
      stateOf(fetch),
      hereOf(fetch),
      rateOf(fetch.bytesPerS),
      formatMs(fetch.elapsedMs),
      failuresOf(fetch.sources),
      fromOf(fetch, nameOf),
    ]),
  )
}

function lines(fetch: FetchView): Cell[][] {
  const { id, startedAtMs, elapsedMs, localBytes, doneChunks, chunks, bytesPerS } = fetch
  return [
    ['fetch', `${id}, began ${new Date(startedAtMs).toISOString()}`],
    ['model', `${modelOf(fetch)}${fetch.names.length > 0 ? ` (${shortId(fetch.model)})` : ''}`],
    ['state', fetch.failure === null ? stateOf(fetch) : `${stateOf(fetch)}: ${fetch.failure.message}`],
    ['here', `${hereOf(fetch)}${localBytes > 0 ? `, ${formatBytes(localBytes)} of it before` : ''}`],
    ['chunks', `${doneChunks} of ${chunks}`],
    ['time', `${formatMs(elapsedMs)}${bytesPerS === null ? '' : `, ${rateOf(bytesPerS)}`}`],
  ]
}

function sourceCells(source: FetchSource, nameOf: (node: string) => string): Cell[] {
  const asked = Object.entries(source.asked) as [keyof FetchSource['asked'], number][]
  const repeated = source.repeatedBytes === 0 ? '' : `, ${formatBytes(source.repeatedBytes)} again`
  return [
    sourceOf(source, nameOf),
    `${formatBytes(source.bytes)}${repeated}`,
    source.chunks,
    rateOf(source.bytesPerS),
    failuresOf([source]),
    source.open > 0 ? `${source.open} asked` : source.state === 'used' ? null : source.state,
    asked.map(([why, count]) => `${reasons[why] ?? why} (${count})`).join(', '),
  ]
}

function entryCells(entry: TimelineEntry, nameOf: (node: string) => string, tellsBlobs: boolean): Cell[] {
  const at = entry.fromMs === entry.toMs ? seconds(entry.fromMs) : `${seconds(entry.fromMs)}-${seconds(entry.toMs)}`
  const source = sourceOf(entry, nameOf)
  switch (entry.kind) {
    case 'chunks': {
      const ranges = entry.ranges.map(({ blob, first, last }) => {
        const prefix = tellsBlobs ? `${blob.slice(0, 6)}:` : ''
        return first === last ? `${prefix}${first}` : `${prefix}${first}-${last}`
      })
      const more = entry.more === 0 ? [] : [`and ${entry.more} more`]
      const what = `chunk${entry.chunks === 1 ? '' : 's'} ${[...ranges, ...more].join(' ')}`
      return [at, source, what, formatBytes(entry.bytes), rateOf(entry.bytesPerS), reasons[entry.why] ?? entry.why]
    }
    case 'failure': {
      const times = entry.count === 1 ? '' : `, ${entry.count} times`
      return [at, source, `chunk ${entry.chunk.index} failed${times}`, null, null, entry.failure]
    }
    case 'source':
      return [at, source, changes[entry.change] ?? entry.change, null, null, null]
  }
}

function blobsOf(entries: readonly TimelineEntry[]): string[] {
  return entries.flatMap((entry) => (entry.kind === 'chunks' ? entry.ranges.map(({ blob }) => blob) : []))
}

function fromOf({ sources, localBytes }: FetchView, nameOf: (node: string) => string): string {
  const came = sources.filter(({ bytes }) => bytes > 0)
  const shown = came.slice(0, 3).map((source) => `${sourceOf(source, nameOf)} ${formatBytes(source.bytes)}`)
  const more = came.length > shown.length ? [`and ${came.length - shown.length} more`] : []
  return [...(localBytes > 0 ? [`here ${formatBytes(localBytes)}`] : []), ...shown, ...more].join(', ')
}

function stateOf({ state, failure, doneBytes, totalBytes }: FetchView): string {
  if (state === 'running') return `running ${totalBytes === 0 ? 0 : Math.floor((100 * doneBytes) / totalBytes)}%`
  return failure === null ? state : `${state} ${failure.code}`
}

function hereOf({ doneBytes, totalBytes }: FetchView): string {
  return doneBytes === totalBytes ? formatBytes(totalBytes) : `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`
}

function modelOf({ names, model }: FetchView): string {
  return names.join(' ') || shortId(model)
}

/** '2 timeout, 1 missing'; null when there are none. */
function failuresOf(sources: readonly FetchSource[]): Cell {
  const sums = new Map<string, number>()
  for (const { failures } of sources) {
    for (const [failure, count] of Object.entries(failures)) sums.set(failure, (sums.get(failure) ?? 0) + count)
  }
  return sums.size === 0 ? null : [...sums].map(([failure, count]) => `${count} ${failure}`).join(', ')
}

function sourceOf({ source, node }: Pick<FetchSource, 'source' | 'node'>, nameOf: (node: string) => string): string {
  return source === 'origin' ? 'origin' : node === null ? 'other peers' : nameOf(node)
}

async function namesOfNodes(client: NodeClient): Promise<(node: string) => string> {
  const { members } = await client.get<{ members: ClusterMember[] }>('/v1/cluster')
  const names = new Map(members.map(({ node, name }) => [node, name]))
  return (node) => names.get(node) || shortId(node)
}

function rateOf(bytesPerS: number | null): string | null {
  return bytesPerS === null ? null : `${formatBytes(bytesPerS)}/s`
}

/** '0.134 s'; longer ones without parts of a second. */
function seconds(ms: number): string {
  return ms < 60_000 ? `${(ms / 1_000).toFixed(3)} s` : formatSeconds(ms / 1_000)
}
