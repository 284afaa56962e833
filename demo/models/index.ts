/**
 * Real models without a download: true architectures at their published sizes, with seeded random weights.
 *
 * `generateModel('resnet50', folder)` writes the files, or finds them there and writes nothing. `writeModel(planLlama(...))`
 * makes transformers of any size.
 */
import { type GeneratedModelName, type Recipe, recipes } from './recipes.ts'
import { type WriteModelOptions, type WrittenModel, writeModel } from './write-model.ts'

export { type LlamaOptions, planLlama, tinyLlama, tinyLlamaFineTuned } from './llama.ts'
export type { PlannedFile } from './pieces.ts'
export { type GeneratedModelName, type Recipe, recipes } from './recipes.ts'
export { defaultSeed, type WriteModelOptions, type WrittenModel, writeModel } from './write-model.ts'

export function isGeneratedModelName(name: string): name is GeneratedModelName {
  return Object.hasOwn(recipes, name)
}

/** The model is in `folder` whole when the promise resolves; on failure or abort nothing of it is left half-written. */
export function generateModel(
  name: GeneratedModelName,
  folder: string,
  options: WriteModelOptions = {},
): Promise<WrittenModel> {
  const recipe: Recipe = recipes[name]
  return writeModel(recipe.plan(), folder, options)
}
