/** docs/reference/openapi.yaml, and its schemas as functions that say what is wrong with a value. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { type Operation, openapiDocument, type Schema } from '../../scripts/docs/openapi.ts'

export const document = openapiDocument()

const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true })
ajv.addVocabulary(['components'])
ajv.addSchema({ $id: 'openapi', components: document.components })

/** Null when the value fits. */
export function misfit(schema: Schema, value: unknown): string | null {
  const validate = ajv.compile(rooted(schema))
  return validate(value) ? null : ajv.errorsText(validate.errors)
}

/** The document's references begin at its root, wherever the schema stands that has them. */
function rooted(schema: Schema): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"openapi#/components/'))
}

export function nameOf({ method, path }: Pick<Operation, 'method' | 'path'>): string {
  return `${method} ${path}`
}

/** The schema that an answer of that status has to fit; null for text. */
export function schemaOf(operation: Operation, status: number): Schema | null {
  const response = operation.responses[String(status)] ?? operation.responses.default
  if (response === undefined) throw new Error(`${nameOf(operation)} has no answer ${status}`)
  return response.content['application/json']?.schema ?? null
}
