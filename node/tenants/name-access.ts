/**
 * Which names a caller may learn of. A private namespace is its tenant's and the operator's: for others each name of it is unknown, said in
 * the words and at the cost that hold for all names of it, those that exist and those that do not. Nothing is looked up for them.
 */
import { HoldfastError, type ModelId } from '../../common/index.ts'
import type { ModelName, ModelReference } from '../../origin/index.ts'
import { operatorTenant, referenceOf } from './names.ts'
import type { TenantRegistry } from './tenant-registry.ts'

export interface NameAccessPorts {
  readonly tenants: Pick<TenantRegistry, 'index'>
  /** Names that this node knows, and what they mean. */
  readonly knownNames: () => Iterable<{ readonly name: string; readonly ref: { readonly manifest: ModelId } }>
  /** UNKNOWN_MODEL, as a lookup that found nothing says it. */
  readonly unknown: (reference: ModelReference) => HoldfastError
}

/** A model, or something that happens to one, under the names that this node knows of it. */
export interface Named {
  readonly model: ModelId | null
  readonly names: readonly string[]
}

export class NameAccess {
  private readonly ports: NameAccessPorts

  constructor(ports: NameAccessPorts) {
    this.ports = ports
  }

  mayKnow(tenant: string, { namespace }: Pick<ModelName, 'namespace'>): boolean {
    const owner = this.ports.tenants.index.privateOwnerOf(namespace)
    return owner === null || owner === tenant || tenant === operatorTenant
  }

  /** UNKNOWN_MODEL for what the tenant may not know. A digest is no way around the names: one of them has to be the tenant's to know. */
  check(tenant: string, reference: ModelReference): void {
    if (!this.mayKnowReference(tenant, reference)) throw this.ports.unknown(reference)
  }

  /** The same, and FORBIDDEN for what is not of a namespace of its own: a digest may be a model of several. */
  checkOwn(tenant: string, reference: ModelReference): void {
    if (tenant === operatorTenant) return
    this.check(tenant, reference)
    if (reference.kind === 'name' && this.ports.tenants.index.ownerOf(reference.name.namespace) === tenant) return
    throw new HoldfastError(
      'FORBIDDEN',
      'A tenant may change names of its own namespaces only; this takes the admin token.',
    )
  }

  /** The same as check for a name as text, or `sha256:<digest>`. */
  mayKnowText(tenant: string, text: string): boolean {
    if (this.seesAll(tenant)) return true
    const reference = referenceOf(text)
    return reference !== null && this.mayKnowReference(tenant, reference)
  }

  /** The items that the tenant may know, with the names that it may know. */
  only<T extends Named>(tenant: string, items: readonly T[]): readonly T[] {
    if (this.seesAll(tenant)) return items
    return items.flatMap((item) => {
      const names = item.names.filter((name) => this.mayKnowText(tenant, name))
      return names.length === 0 ? [] : [{ ...item, names }]
    })
  }

  /** Digests of models that the tenant may know; null: all. */
  knownModels(tenant: string): ReadonlySet<ModelId> | null {
    if (this.seesAll(tenant)) return null
    const models = new Set<ModelId>()
    for (const { name, ref } of this.ports.knownNames()) if (this.mayKnowText(tenant, name)) models.add(ref.manifest)
    return models
  }

  /** May the tenant read any text, such as the message of an error? A text may speak of models by their names, digests or files. */
  mayReadTexts(tenant: string): boolean {
    return this.seesAll(tenant)
  }

  private seesAll(tenant: string): boolean {
    return tenant === operatorTenant || !this.ports.tenants.index.hasPrivateNames
  }

  private mayKnowReference(tenant: string, reference: ModelReference): boolean {
    if (reference.kind === 'name') return this.mayKnow(tenant, reference.name)
    return this.knownModels(tenant)?.has(reference.digest) ?? true
  }
}
