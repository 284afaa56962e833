// The description of the HTTP interface, docs/reference/openapi.yaml, as data.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly additionalProperties?: boolean | Schema
  readonly description?: string
}

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly description: string
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>

export interface Response {
  readonly description: string
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: Schema }>>
  readonly content: Content
}

export interface Operation {
  readonly method: string
  /** As the document writes it: /v1/pins/{name}. */
  readonly path: string
  readonly tag: string
  readonly summary: string
  readonly description: string | undefined
  readonly parameters: readonly Parameter[]
  readonly body: Schema | null
  /** By status, `default` for failures. */
  readonly responses: Readonly<Record<string, Response>>
}

export interface Document {
  readonly version: string
  readonly description: string
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly operations: readonly Operation[]
  readonly components: object
  /** What a $ref points to. */
  readonly resolve: <T extends object>(value: T | { readonly $ref: string }) => T
}

interface RawOperation {
  readonly tags: readonly [string]
  readonly summary: string
  readonly description?: string
  readonly security?: readonly object[]
  readonly parameters?: readonly (Parameter | { readonly $ref: string })[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, Response | { readonly $ref: string }>>
}

export function openapiDocument(): Document {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'reference', 'openapi.yaml'), 'utf8')
  const raw = parse(text)
  const resolve = <T extends object>(value: T | { readonly $ref: string }): T =>
    '$ref' in value && typeof value.$ref === 'string' ? resolve(follow(raw, value.$ref) as T) : (value as T)
  const operations: Operation[] = []
  for (const [path, { parameters: shared = [], ...methods }] of Object.entries<Record<string, never>>(raw.paths)) {
    for (const [method, operation] of Object.entries<RawOperation>(methods)) {
      const { tags, summary, description, parameters = [], requestBody, responses } = operation
      operations.push({
        method: method.toUpperCase(),
        path,
        tag: tags[0],
        summary,
        description,
        parameters: [...(shared as RawOperation['parameters'] & object), ...parameters].map((one) => resolve(one)),
        body: requestBody?.content['application/json']?.schema ?? null,
        responses: Object.fromEntries(Object.entries(responses).map(([status, one]) => [status, resolve(one)])),
      })
    }
  }
  const { info, tags, components } = raw
  return { version: info.version, description: info.description, tags, operations, components, resolve }
}

function follow(raw: object, reference: string): unknown {
  let value: unknown = raw
  for (const key of reference.replace(/^#\//, '').split('/')) value = (value as Record<string, unknown>)[key]
  if (value === undefined) throw new Error(`openapi.yaml has no ${reference}`)
  return value
}
