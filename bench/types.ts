/** What every bench gives: rows, each a median over n repeats; a figure at several sizes is several rows, `id/size`. */

export interface BenchRow {
  readonly id: string
  readonly value: number
  readonly unit: string
  /** Repeats behind the value. */
  readonly n: number
  /** What it is compared with, or why it is as it is; for the table, not for machines. */
  readonly note?: string
}

export interface BenchContext {
  /** Small sizes and few repeats, so that the tests can run it. */
  readonly tiny: boolean
  /** Parts to run, of those that the catalog lists for the bench; all when left out. */
  readonly only?: readonly string[]
  /** Factor of sizes, for benches that the catalog says can be scaled. 1 when left out. */
  readonly scale?: number
  /** How long to run, and what chance is drawn from, for benches that the catalog says are timed. */
  readonly seconds?: number
  readonly seed?: number
  /** Progress for people, on stderr. */
  readonly say: (text: string) => void
}

export type Bench = (context: BenchContext) => Promise<BenchRow[]>
