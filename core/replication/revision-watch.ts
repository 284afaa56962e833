/** Which revisions took the name of a model that is held here: they inherit its demand, before anybody has asked for them. */
import type { ModelId } from '../../common/index.ts'

export class RevisionWatch {
  private readonly meanings = new Map<string, ModelId>()
  /** New revision -> the one before it. */
  private readonly replaced = new Map<ModelId, ModelId>()

  /** What the names that this node knows mean now. Returns the new revisions of held models that are not held themselves. */
  look(
    names: Iterable<{ readonly name: string; readonly model: ModelId }>,
    held: ReadonlySet<ModelId>,
  ): Map<ModelId, ModelId> {
    for (const { name, model } of names) {
      const before = this.meanings.get(name)
      this.meanings.set(name, model)
      if (before === undefined || before === model) continue
      this.replaced.delete(before)
      this.replaced.set(model, before)
    }
    for (const [model, before] of this.replaced) {
      if (held.has(model) || !held.has(before)) this.replaced.delete(model)
    }
    return new Map(this.replaced)
  }
}
