// docs/reference/http.md, from openapi.yaml and the table of roles.
import { fastifyPath, type RouteRole, roleOf } from '../../node/doors/http/route-roles.ts'
import { type Document, type Operation, openapiDocument, type Schema } from './openapi.ts'

/** The sentence about a route, by the role that it needs. */
const roles: Readonly<Record<RouteRole, string | null>> = {
  anyone: 'It is answered without a token, also where the public is shut out.',
  public: null,
  tenant: 'It takes the token of a tenant.',
  admin: 'It takes the admin token.',
}

/** Of a longer list, such as that of the datatypes, the first ones stand for all. */
const choicesMax = 6

export function httpDocument(): string {
  const document = openapiDocument()
  const head = `# HTTP

${document.description}

This page is written from [openapi.yaml](openapi.yaml) by \`npm run docs\`. A test holds that file to the routes of the server and to the
answers of a running node.
`
  const sections = document.tags.map(({ name, description }) => {
    const own = document.operations.filter(({ tag }) => tag === name)
    return `\n## ${name}\n\n${description}\n\n${tableOf(own)}\n${own.map((operation) => operationOf(document, operation)).join('')}`
  })
  return `${head}${sections.join('')}`
}

function tableOf(operations: readonly Operation[]): string {
  const rows = operations.map(({ method, path, summary }) => `| \`${method} ${path}\` | ${summary} |`)
  return ['| route | what it does |', '|---|---|', ...rows].join('\n')
}

function operationOf(document: Document, operation: Operation): string {
  const { method, path, description, parameters, body, responses } = operation
  const parts = [`### ${method} ${path}`]
  if (description !== undefined) parts.push(description)
  const role = roles[roleOf(method, fastifyPath(path))]
  if (role !== null) parts.push(role)
  const own = parameters.filter((parameter) => parameter.in !== 'path')
  if (own.length > 0) {
    const rows = own.map((parameter) => `| \`${parameter.name}\` | ${parameter.in} | ${parameter.description} |`)
    parts.push(['| parameter | in | meaning |', '|---|---|---|', ...rows].join('\n'))
  }
  if (body !== null) parts.push(`Body:\n\n${block(document, body)}`)
  const answers = Object.entries(responses).filter(([status]) => status !== 'default')
  const [[, first] = []] = answers
  const schema = first?.content['application/json']?.schema
  const statuses = answers.map(([status, { description: meaning }]) => `${status}: ${meaning}`).join(' ')
  parts.push(schema === undefined ? statuses : `${statuses}\n\n${block(document, schema)}`)
  const headers = Object.entries(first?.headers ?? {})
  if (headers.length > 0) {
    const rows = headers.map(([name, header]) => `| \`${name}\` | ${header.description} |`)
    parts.push(['| header of the answer | meaning |', '|---|---|', ...rows].join('\n'))
  }
  return `\n${parts.join('\n\n')}\n`
}

function block(document: Document, schema: Schema): string {
  return `\`\`\`jsonc\n${shape(document, schema, '')}\n\`\`\``
}

/** A schema as people write the JSON of it: names, kinds, what may be left out, and what it means. */
function shape(document: Document, reference: Schema, indent: string): string {
  const schema = document.resolve<Schema>(reference)
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return choices(schema.enum)
  if (schema.anyOf !== undefined) return schema.anyOf.map((one) => shape(document, one, indent)).join(' | ')
  if (schema.properties !== undefined) return objectShape(document, schema, indent)
  if (schema.type === 'array') return schema.items === undefined ? '[]' : `[${shape(document, schema.items, indent)}]`
  if (typeof schema.additionalProperties === 'object') {
    return `{ [name]: ${shape(document, schema.additionalProperties, indent)} }`
  }
  return [schema.type ?? 'any'].flat().join(' | ')
}

function choices(values: readonly unknown[]): string {
  const shown = values.slice(0, choicesMax).map((value) => JSON.stringify(value))
  return (values.length > choicesMax ? [...shown, '...'] : shown).join(' | ')
}

function objectShape(document: Document, schema: Schema, indent: string): string {
  const inner = `${indent}  `
  const lines = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const optional = schema.required?.includes(name) ? '' : '?'
    const meaning = property.description ?? document.resolve<Schema>(property).description
    const comment = meaning === undefined ? '' : `${inner}// ${meaning}\n`
    return `${comment}${inner}"${name}"${optional}: ${shape(document, property, inner)}`
  })
  const isShort = lines.length < 4 && lines.every((line) => !line.includes('\n'))
  const short = `{ ${lines.map((line) => line.trim()).join(', ')} }`
  return isShort && short.length < 90 ? short : `{\n${lines.join(',\n')}\n${indent}}`
}
