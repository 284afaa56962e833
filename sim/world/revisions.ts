/**
 * Tags that move during a run. A name is a model of the catalog: its first revision, by whose id the name is spelled. What a move puts in
 * its place is drawn before the run.
 */

import type { ModelId, Prng } from '../../common/index.ts'
import type { RefFacts } from '../../core/index.ts'
import type { Scenario, ScenarioEvent } from '../scenario/scenario.ts'
import { badScenario } from '../scenario/scenario-fields.ts'
import { drawModel, type SimModel } from './models.ts'

type MoveEvent = Extract<ScenarioEvent, { kind: 'move' }>

export class Revisions {
  /** All that will ever be moved to, in order of the events. */
  readonly models: readonly SimModel[]
  private readonly drawn: ReadonlyMap<ScenarioEvent, { readonly name: SimModel; readonly revision: SimModel }>
  /** Of each name that moves: what it has meant until now, the first revision first. */
  private readonly histories = new Map<SimModel, SimModel[]>()

  constructor(scenario: Scenario, catalog: readonly SimModel[], firstIndex: number, random: Prng) {
    const moves = scenario.events.filter((event) => event.kind === 'move')
    this.drawn = new Map(
      moves.map((event, at) => {
        const name = nameOf(event, catalog)
        const sizeBytes = event.sizeBytes ?? name.sizeBytes
        const revision = drawModel(scenario.models, firstIndex + at, sizeBytes, random.child(String(at)))
        this.histories.set(name, [name])
        return [event, { name, revision }]
      }),
    )
    this.models = [...this.drawn.values()].map(({ revision }) => revision)
  }

  /** The tag means the new revision from now on. */
  move(event: MoveEvent): void {
    const { name, revision } = this.drawn.get(event)!
    this.histories.get(name)!.push(revision)
  }

  current(name: SimModel): SimModel {
    return this.histories.get(name)?.at(-1) ?? name
  }

  /** As the origin has it. */
  ref(name: SimModel): RefFacts<null> {
    const sequence = this.histories.get(name)?.length ?? 1
    return { manifest: this.current(name).id, sequence, publicKey: 'publisher', record: null }
  }

  /** Names that move in this run, and what they mean now. */
  *names(): Iterable<{ readonly name: string; readonly model: ModelId }> {
    for (const [name, history] of this.histories) yield { name: name.id, model: history.at(-1)!.id }
  }
}

function nameOf({ modelRank }: MoveEvent, catalog: readonly SimModel[]): SimModel {
  const name = catalog[modelRank]
  if (name !== undefined) return name
  const ranks = `there are ${catalog.length} models, with ranks from 0 on`
  throw badScenario(
    'events.modelRank',
    `of a move is beyond the models: ${ranks}; give another, or leave out the event`,
  )
}
