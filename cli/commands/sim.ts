/** `holdfast sim`: what a policy or a memory size would do, before anything is bought. */
import { Command, Option } from 'commander'
import { evictionPolicyNames, HoldfastError } from '../../common/index.ts'
import type { AnyPolicyName } from '../../placement/index.ts'
import type { ReplayReport } from '../../sim/report/index.ts'
import type { Trace } from '../../sim/traces/index.ts'
import { jsonOption } from '../origin-option.ts'
import { printJson, printRows } from '../print.ts'
import { simCapacityCommand } from './sim-capacity.ts'
import { simCompareCommand } from './sim-compare.ts'
import { simInitCommand } from './sim-init.ts'
import { simRunCommand } from './sim-run.ts'
import { simSweepCommand } from './sim-sweep.ts'

interface ReplayFlags {
  readonly requests?: readonly string[]
  readonly format: string
  readonly models?: string
  readonly seed: string
  readonly memory: string
  readonly policies: string
  readonly report?: string
  readonly json?: boolean
}

const formats = ['csv', 'azure-functions', 'azure-llm', 'oracle-general']

const help = `
One memory, one trace, many policies. A request that finds its model waits for nothing; any other waits as long as the model
takes to load. Without --requests a day of requests is generated from the seed, with Zipf popularity, timers, bursts, nights,
flash crowds and new models. Without --models sizes and load times are drawn from the seed.

Files, plain or gzipped:
  csv              columns id, seconds, model
  azure-functions  invocations per minute and function (Azure Functions 2019)
  azure-llm        TIMESTAMP, ContextTokens, GeneratedTokens; each file is one model
  oracle-general   binary records of libCacheSim, with sizes of their own
Models are a JSON array of {name, loaded_size (GiB), avg_load_latency (seconds)}.

The policies belady and belady-am know the future: they are bounds to compare with, not for a node.

Examples:
  $ holdfast sim replay --seed 7 --memory 0.25 --policies lru,holdfast,belady-am`

export function simCommand(): Command {
  return new Command('sim')
    .description('simulate clusters, and try policies and memory sizes on traces')
    .addCommand(simInitCommand())
    .addCommand(simRunCommand())
    .addCommand(simCompareCommand())
    .addCommand(simSweepCommand())
    .addCommand(simCapacityCommand())
    .addCommand(
      new Command('replay')
        .description('replay requests through eviction policies: misses and load delay of each')
        .option('--requests <file...>', 'the requests; may be gzipped')
        .addOption(new Option('--format <format>', 'of the requests').choices(formats).default('csv'))
        .option('--models <file>', 'sizes and load times of the models, JSON')
        .option('--seed <number>', 'of what is generated or drawn', '1')
        .option('--memory <size>', 'share of the sum of all sizes, up to 1, or bytes as in 64GB', '0.25')
        .option('--policies <names>', 'apart by commas', 'lru,gdsf,belady-am-online,holdfast,belady-am')
        .option('--report <directory>', 'write replay.html there, with plots')
        .addOption(jsonOption())
        .addHelpText('after', help)
        .action(runSimReplay),
    )
}

async function runSimReplay(flags: ReplayFlags): Promise<void> {
  const { runReplay } = await import('../../sim/traces/index.ts')
  const policies = await policiesOf(flags.policies)
  const trace = await traceOf(flags)
  const capacityBytes = await capacityOf(flags.memory, trace)
  const rows = policies.map((policy) => runReplay({ policy, trace, capacityBytes }, () => performance.now()))
  if (flags.report !== undefined) await writeReport(flags, flags.report, { trace, rows, capacityBytes })
  if (flags.json === true) {
    const results = rows.map(({ policy, missPercent, meanLoadDelayS, p99LoadDelayS, requestsPerS }) => ({
      policy,
      missPercent,
      meanLoadDelayS,
      p99LoadDelayS,
      requestsPerS: Math.round(requestsPerS),
    }))
    printJson({ results })
    return
  }
  const cells = rows.map(({ policy, missPercent, meanLoadDelayS, p99LoadDelayS, requestsPerS }) => [
    policy,
    missPercent.toFixed(3),
    meanLoadDelayS.toFixed(4),
    p99LoadDelayS.toFixed(2),
    String(Math.round(requestsPerS)),
  ])
  printRows(['POLICY', 'MISS %', 'MEAN DELAY S', 'P99 DELAY S', 'REQUESTS/S'], cells)
}

async function traceOf({ requests, format, models, seed: seedText }: ReplayFlags): Promise<Trace> {
  const seed = seedOf(seedText)
  if (requests === undefined) {
    if (models !== undefined)
      throw new HoldfastError('BAD_REQUEST', '--models needs --requests: generated requests have models of their own.')
    const { createPrng } = await import('../../common/index.ts')
    const { generateWorkload } = await import('../../sim/traces/index.ts')
    return generateWorkload(createPrng(seed))
  }
  const { readTrace, traceFormats } = await import('../../sim/traces/index.ts')
  const known = traceFormats.find((name) => name === format)!
  return readTrace({ format: known, files: requests, seed, ...(models === undefined ? {} : { modelsFile: models }) })
}

async function capacityOf(memory: string, trace: Trace): Promise<number> {
  const { sumOfSizes } = await import('../../sim/traces/index.ts')
  const share = /^\d*\.?\d+$/.test(memory) ? Number(memory) : Number.NaN
  if (share > 0 && share <= 1) return share * sumOfSizes(trace.models)
  const { parseBytes } = await import('../../node/config/index.ts')
  const bytes = parseBytes(memory, '--memory')
  if (bytes >= 1) return bytes
  throw new HoldfastError(
    'BAD_REQUEST',
    `--memory is ${memory}; it has to be a share such as 0.25 or a size such as 64GB.`,
  )
}

async function writeReport(
  flags: ReplayFlags,
  directory: string,
  report: Pick<ReplayReport, 'trace' | 'rows' | 'capacityBytes'>,
): Promise<void> {
  const { writeFile } = await import('node:fs/promises')
  const { makeFolder } = await import('../../node/system/index.ts')
  const { basename, join } = await import('node:path')
  const { reportPage } = await import('../../sim/report/index.ts')
  const file = join(directory, 'replay.html')
  const title = `Replay of ${flags.requests?.map((path) => basename(path)).join(', ') ?? `generated requests, seed ${flags.seed}`}`
  await makeFolder(directory, 0o777)
  await writeFile(file, reportPage({ title, ...report, nowMs: () => performance.now() }))
  process.stderr.write(`${file}\n`)
}

async function policiesOf(text: string): Promise<AnyPolicyName[]> {
  const { oraclePolicyNames } = await import('../../placement/index.ts')
  const known = [...evictionPolicyNames, ...oraclePolicyNames]
  return text.split(',').map((part) => {
    const name = known.find((candidate) => candidate === part.trim())
    if (name === undefined) {
      throw new HoldfastError('BAD_REQUEST', `There is no policy ${part.trim()}; there is ${known.join(', ')}.`)
    }
    return name
  })
}

function seedOf(text: string): number {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
  throw new HoldfastError('BAD_REQUEST', `--seed is ${text}; it has to be a whole number.`)
}
