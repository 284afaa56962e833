/** `holdfast tenant`: who may ask the nodes of a cluster, and whose the models are. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { isHoldfastError, type QuotaName, quotaNames, quotaTable, type TenantQuotas } from '../../common/index.ts'
import type { NewToken, TenantView } from '../../node/tenants/index.ts'
import { NodeClient } from '../node-client.ts'
import { addNodeOptions, clientOf, type NodeFlags } from '../node-option.ts'
import { type Cell, printJson, printNothing, printRows } from '../print.ts'
import { type NamespaceFlags, namespacesAfter } from './tenant-namespaces.ts'

const addHelp = `
A new tenant gets a token, which is shown now and never again: nodes keep only its sha256. Its requests carry it, over HTTP as
\`Authorization: Bearer TOKEN\` and to the store's socket as $HOLDFAST_STORE_TOKEN; requests without one are those of the tenant public.
Every node knows the tenant within seconds. Of a tenant that is there, what is passed is set, and the rest stays.

A namespace is the first part of model names: acme of acme/resnet50. One that is private is seen and served for its tenant alone: for
others its names are unknown, whether there are such models or not.

Examples:
  $ holdfast tenant add team-a --private acme
  $ holdfast tenant add team-b --namespace shared-models --private team-b
  $ holdfast tenant add team-b --drop-namespace shared-models
  $ holdfast tenant add team-a --requests-max 32 --requests-per-s-max 200`

const tokenHelp = `
The token is shown now and never again. Hand it out before the old one is withdrawn with --revoke; holdfast tenant show has the ids.

Examples:
  $ holdfast tenant token team-a
  $ holdfast tenant token team-a --revoke 3f2a9c10b7de`

const showHelp = `
Without a name: the tenant whose token --token-file holds.

Example:
  $ holdfast tenant show team-a`

const listHelp = `
Example:
  $ holdfast tenant ls`

const rmHelp = `
Its tokens are no longer valid, on any node, and its namespaces are everybody's again. No model is removed.

Example:
  $ holdfast tenant rm team-b`

interface AddFlags extends NodeFlags, NamespaceFlags, Partial<TenantQuotas> {}

interface TokenFlags extends NodeFlags {
  readonly revoke?: string
}

export function tenantCommand(): Command {
  const command = new Command('tenant').description('owners of requests and models: their tokens and namespaces')
  const collect = (value: string, before: readonly string[]) => [...before, value]
  const add = addNodeOptions(new Command('add').description('add a tenant, or change its namespaces and quotas'))
    .argument('<name>', 'small letters, digits, `.`, `_` and `-`')
    .option('--namespace <name>', 'a namespace of its own that everybody may use; may be repeated', collect, [])
    .option('--private <name>', 'a namespace of its own that nobody else sees; may be repeated', collect, [])
    .option('--drop-namespace <name>', 'a namespace that is no longer its own; may be repeated', collect, [])
    .addHelpText('after', addHelp)
    .action(runAdd)
  for (const name of quotaNames) add.addOption(quotaOption(name))
  command.addCommand(add)
  command.addCommand(
    addNodeOptions(new Command('ls').description('list the tenants')).addHelpText('after', listHelp).action(runList),
  )
  command.addCommand(
    addNodeOptions(new Command('show').description('show a tenant: its namespaces and the ids of its tokens'))
      .argument('[name]', 'of the tenant')
      .addHelpText('after', showHelp)
      .action(runShow),
  )
  command.addCommand(
    addNodeOptions(new Command('rm').description('remove a tenant'))
      .argument('<name>', 'of the tenant')
      .addHelpText('after', rmHelp)
      .action(runRemove),
  )
  command.addCommand(
    addNodeOptions(new Command('token').description('make a further token of a tenant, or revoke one'))
      .argument('<name>', 'of the tenant')
      .option('--revoke <id>', 'the token with this id is no longer valid')
      .addHelpText('after', tokenHelp)
      .action(runToken),
  )
  return command
}

async function runAdd(name: string, flags: AddFlags): Promise<void> {
  const client = clientOf(flags)
  const path = pathOf(name)
  const isChange = flags.namespace.length + flags.private.length + flags.dropNamespace.length > 0
  const namespaces = isChange ? namespacesAfter(await namespacesOf(client, path), flags) : null
  const given = quotaNames.filter((quota) => flags[quota] !== undefined).map((quota) => [quota, flags[quota]])
  const body = {
    ...(namespaces === null ? {} : { namespaces }),
    ...(given.length === 0 ? {} : { quotas: Object.fromEntries(given) }),
  }
  const answer = await client.put<{ tenant: TenantView; token: NewToken | null }>(path, body)
  if (flags.json) return printJson(answer)
  if (answer.token === null) return printTenant(answer.tenant)
  printToken(answer.token)
}

/** None of a tenant that is new. */
async function namespacesOf(client: NodeClient, path: string): Promise<TenantView['namespaces']> {
  try {
    return (await client.get<TenantView>(path)).namespaces
  } catch (error) {
    if (isHoldfastError(error, 'UNKNOWN_TENANT')) return []
    throw error
  }
}

async function runList(flags: NodeFlags): Promise<void> {
  const answer = await clientOf(flags).get<{ tenants: TenantView[] }>('/v1/tenants')
  if (flags.json) return printJson(answer)
  if (answer.tenants.length === 0) return printNothing('There is no tenant; `holdfast tenant add` adds one.')
  printRows(['TENANT', 'NAMESPACES', 'TOKENS'], answer.tenants.map(cellsOf))
}

async function runShow(name: string | undefined, flags: NodeFlags): Promise<void> {
  const tenant = await clientOf(flags).get<TenantView>(name === undefined ? '/v1/tenant' : pathOf(name))
  if (flags.json) return printJson(tenant)
  printTenant(tenant)
}

async function runRemove(name: string, flags: NodeFlags): Promise<void> {
  const answer = await clientOf(flags).delete<{ removed: boolean }>(pathOf(name))
  if (flags.json) return printJson(answer)
  console.log(answer.removed ? `${name} is no longer a tenant.` : `There was no tenant ${name}.`)
}

async function runToken(name: string, flags: TokenFlags): Promise<void> {
  const client = clientOf(flags)
  const path = `${pathOf(name)}/tokens`
  if (flags.revoke === undefined) {
    const token = await client.post<NewToken>(path)
    return flags.json ? printJson(token) : printToken(token)
  }
  const answer = await client.delete<{ revoked: boolean }>(`${path}/${encodeURIComponent(flags.revoke)}`)
  if (flags.json) return printJson(answer)
  console.log(answer.revoked ? `${flags.revoke} is no longer valid.` : `${name} has no token ${flags.revoke}.`)
}

/** `--requests-per-s-max` of requestsPerSMax. */
function quotaOption(name: QuotaName): Option {
  const { description, defaultValue } = quotaTable[name]
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  return new Option(`--${flag} <count>`, `${description} (default of a new tenant: ${defaultValue})`).argParser(countOf)
}

function countOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It has to be a whole number.')
}

function pathOf(name: string): string {
  return `/v1/tenants/${NodeClient.pathOf(name)}`
}

/** The token alone on stdout, so that a script can keep it. */
function printToken({ tenant, id, token }: NewToken): void {
  console.error(`Token ${id} of ${tenant}, which is shown only now:`)
  console.log(token)
}

function printTenant(tenant: TenantView): void {
  const tokens = tenant.tokens.map(({ id, createdMs }): Cell[] => ['token', id, new Date(createdMs).toISOString()])
  const namespaces = tenant.namespaces.map(({ name, isPrivate }): Cell[] => {
    return ['namespace', name, isPrivate ? 'private' : 'for everybody']
  })
  const quotas = quotaNames.map((name): Cell[] => ['quota', name, tenant.quotas[name]])
  printRows(['', '', ''], [['tenant', tenant.name, null], ...namespaces, ...quotas, ...tokens])
}

function cellsOf({ name, namespaces, tokens }: TenantView): Cell[] {
  const texts = namespaces.map((namespace) => `${namespace.name}${namespace.isPrivate ? ' (private)' : ''}`)
  return [name, texts.join(', '), tokens.length]
}
