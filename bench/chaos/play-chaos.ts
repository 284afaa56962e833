/** Plays a schedule of faults against nodes under load, and tells what users saw. */
import { createPrng } from '../../common/index.ts'
import { quantile } from '../statistics.ts'
import { ChaosLab } from './chaos-lab.ts'
import { FaultLog, isOriginFault, type LoggedFault } from './fault-log.ts'
import type { Fault } from './faults.ts'
import { inflict } from './inflict.ts'
import { belongingsOf, leftBehind, processesOf, survivors } from './leftovers.ts'
import { Load, type Request } from './load.ts'
import { planFaults } from './plan-faults.ts'
import { Readers } from './readers.ts'
import { hadSource } from './sources.ts'
import { Watch } from './watch.ts'

export interface ChaosResult {
  readonly requestCount: number
  readonly faultCount: number
  readonly wrongAnswers: number
  /** Requests, for people. */
  readonly failedWithSource: readonly string[]
  readonly recoveryP99S: number
  readonly originAwayAddedP99Ms: number
  readonly limitsExceeded: number
  readonly leftBehind: readonly string[]
}

type Say = (text: string) => void

/** Later than this is not waited for; the figure then says so much. */
const recoveryMaxMs = 60_000
const recoveryLookMs = 100
/** After the last request: idle connections close, collectors run, files are tidied. */
const restMs = 20_000

export async function playChaos({ seed, seconds }: { seed: number; seconds: number }, say: Say): Promise<ChaosResult> {
  const lab = await ChaosLab.start()
  try {
    return await new ChaosRun(lab, seed, say).play(seconds, seed)
  } finally {
    await lab.dispose()
  }
}

class ChaosRun {
  private readonly lab: ChaosLab
  private readonly say: Say
  private readonly load: Load
  private readonly watch: Watch
  private readonly readers: Readers
  private readonly log = new FaultLog()
  private readonly recoveryS: number[] = []
  private readonly seed: number

  constructor(lab: ChaosLab, seed: number, say: Say) {
    this.lab = lab
    this.say = say
    this.seed = seed
    this.load = new Load(lab, createPrng(seed).child('load'))
    this.watch = new Watch(lab)
    this.readers = new Readers(lab.models)
  }

  async play(seconds: number, seed: number): Promise<ChaosResult> {
    const { lab, load, watch, readers } = this
    for (const _ of lab.models.names) await this.untilServed()
    const before = await belongingsOf(lab)
    for (const part of [load, watch]) part.start()
    for (const node of lab.nodes) readers.start(node)
    const startedMs = performance.now()
    for (const fault of planFaults({ seed, seconds, nodeCount: lab.nodes.length })) await this.suffer(fault, startedMs)
    await load.stop()
    await watch.stop()
    await readers.stop()
    await sleep(restMs)
    const left = leftBehind(lab, before, await belongingsOf(lab))
    const pids = await processesOf(lab)
    await lab.stopNodes()
    return this.result([...left, ...(await survivors(pids)).map((pid) => `process ${pid} outlives its node`)])
  }

  private async suffer(fault: Fault, startedMs: number): Promise<void> {
    const { lab, readers, log } = this
    await sleep(startedMs + fault.beginS * 1_000 - performance.now())
    const node = fault.node === null ? '' : ` at ${lab.nodes[fault.node]!.host}`
    const logged: LoggedFault = log.begin(fault, performance.now())
    const undo = await inflict(fault, {
      lab,
      readers,
      random: createPrng(this.seed).child(`fault ${log.faults.length}`),
    })
    await sleep(startedMs + fault.endS * 1_000 - performance.now())
    await undo()
    logged.endedMs = performance.now()
    const recoveredS = await this.untilServed()
    this.recoveryS.push(recoveredS)
    this.say(
      `${fault.beginS.toFixed(0)} s: ${fault.kind}${node}; all were served ${recoveredS.toFixed(2)} s after its end`,
    )
  }

  /** In seconds from now. */
  private async untilServed(): Promise<number> {
    const startedMs = performance.now()
    const elapsedMs = () => performance.now() - startedMs
    let failures = await this.load.failuresNow()
    while (failures.length > 0 && elapsedMs() < recoveryMaxMs) {
      await sleep(recoveryLookMs)
      failures = await this.load.failuresNow()
    }
    for (const failure of failures) this.say(`not served: ${failure}`)
    return elapsedMs() / 1_000
  }

  private result(left: readonly string[]): ChaosResult {
    const { requests } = this.load
    const failed = requests.filter((request) => request.isRight === null && this.hadSource(request))
    return {
      requestCount: requests.length,
      faultCount: this.log.faults.length,
      wrongAnswers: requests.filter(({ isRight }) => isRight === false).length + this.readers.wrong,
      failedWithSource: failed.map(({ node, model, failure, startedMs, endedMs }) => {
        const kinds = this.log.during(startedMs, endedMs).map(({ kind }) => kind)
        return `${model} at ${node.host} during ${kinds.join(', ') || 'no fault'}: ${failure}`
      }),
      recoveryP99S: quantile(this.recoveryS, 0.99),
      originAwayAddedP99Ms: this.originAwayAddedMs(),
      limitsExceeded: this.watch.limitsExceeded,
      leftBehind: left,
    }
  }

  private hadSource({ node, model, startedMs, endedMs }: Request): boolean {
    return hadSource(this.lab.nodes.indexOf(node), {
      faults: this.log.during(startedMs, endedMs),
      zones: this.lab.nodes.map(({ zone }) => zone),
      holders: this.watch.holders(this.lab.models.digestsOf(model), startedMs, endedMs),
    })
  }

  /** Of requests that memory answered: what nothing had to be fetched for. */
  private originAwayAddedMs(): number {
    const fromMemory = this.load.requests.filter(({ servedFrom }) => servedFrom === 'memory')
    const p99 = (isOfThese: (faults: readonly Fault[]) => boolean) =>
      quantile(
        fromMemory
          .filter(({ startedMs, endedMs }) => isOfThese(this.log.during(startedMs, endedMs)))
          .map(({ startedMs, endedMs }) => endedMs - startedMs),
        0.99,
      )
    return p99((faults) => faults.some(isOriginFault)) - p99((faults) => faults.length === 0)
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
}
