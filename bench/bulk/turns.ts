/** Contenders take turns, so that what else the machine does meets all of them. A ratio is the median of the ratios of the turns. */
import { median } from '../statistics.ts'
import type { BenchRow } from '../types.ts'
import type { Contender, Transfer } from './contender.ts'

export class Turns {
  private readonly contenders: readonly Contender[]
  private readonly transfers = new Map<string, Transfer[]>()

  constructor(contenders: readonly Contender[]) {
    this.contenders = contenders
  }

  async run(): Promise<void> {
    for (const contender of this.contenders) {
      const former = this.transfers.get(contender.id) ?? []
      this.transfers.set(contender.id, [...former, await contender.transfer()])
    }
  }

  seconds(id: string): readonly number[] {
    return this.transfers.get(id)!.map(({ seconds }) => seconds)
  }

  /** How many times as fast as another contender ours is. */
  ratio(ours: string, theirs: string): number {
    return median(this.seconds(theirs).map((seconds, turn) => seconds / this.seconds(ours)[turn]!))
  }

  /** The fastest of some, by their medians; null of none. */
  best(ids: readonly string[]): string | null {
    return ids.toSorted((a, b) => median(this.seconds(a)) - median(this.seconds(b)))[0] ?? null
  }

  rateRow(prefix: string, id: string, sizeBytes: number): BenchRow {
    const seconds = this.seconds(id)
    return { id: `${prefix}/${id}`, value: sizeBytes / 1e9 / median(seconds), unit: 'GB/s', n: seconds.length }
  }

  processorRow(id: string, sizeBytes: number): BenchRow {
    const each = this.transfers.get(id)!.map(({ processorSeconds }) => processorSeconds / (sizeBytes / 1e9))
    const note = 'processor time of both ends'
    return { id: `cpu_s_per_gb/${id}`, value: median(each), unit: 's/GB', n: each.length, note }
  }
}
