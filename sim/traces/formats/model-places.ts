/** Places of models by name: those of a given list, which is complete, or new ones in the order in which a trace names them. */
import type { Prng } from '../../../common/index.ts'
import type { TraceModel } from '../trace.ts'
import { drawModel } from '../workload.ts'
import { badTrace } from './read-lines.ts'

export interface ModelPlaces {
  placeOf(name: string, where: string): number
  readonly models: readonly TraceModel[]
}

export function givenModels(models: readonly TraceModel[], file: string): ModelPlaces {
  const places = new Map(models.map(({ name }, place) => [name, place]))
  return {
    models,
    placeOf(name, where) {
      const place = places.get(name)
      if (place === undefined) throw badTrace(file, `it has no model ${name.slice(0, 80)}, which ${where} asks for.`)
      return place
    },
  }
}

/** Sizes and load times that a trace does not tell are drawn; a model's own depend on the seed and its name alone. */
export function drawnModels(prng: Prng): ModelPlaces {
  const places = new Map<string, number>()
  const models: TraceModel[] = []
  return {
    models,
    placeOf(name) {
      let place = places.get(name)
      if (place === undefined) {
        place = models.length
        places.set(name, place)
        models.push(drawModel(name, prng.child(name)))
      }
      return place
    },
  }
}
