/**
 * The rules between options, each alone fine. An error keeps the node from starting; a warning is something that works and is
 * most likely not what was meant.
 */
import { HoldfastError, isModelNamePart, modelNamePartLengthMax } from '../../common/index.ts'
import { bulkHostOf, isLoopbackHost, isWildcardHost, reachesBeyondLoopback } from './listening.ts'
import type { NodeOptions } from './options.ts'

/** Segments are whole pages. */
const pageBytes = 4096

export interface Finding {
  readonly level: 'error' | 'warning'
  /** The fault, and what to do about it. */
  readonly message: string
}

export function findingsOf(options: NodeOptions): Finding[] {
  return [...secretRules(options), ...addressRules(options), ...tierRules(options), ...nameRules(options)]
}

/** BAD_CONFIG with all errors at once. Returns the warnings. */
export function checkOptions(options: NodeOptions): string[] {
  const findings = findingsOf(options)
  const errors = findings.filter(({ level }) => level === 'error').map(({ message }) => message)
  if (errors.length > 0) throw new HoldfastError('BAD_CONFIG', errors.join('\n'))
  return findings.map(({ message }) => message)
}

function secretRules(options: NodeOptions): Finding[] {
  const findings: Finding[] = []
  if (options['cluster.key'] !== '' && options['cluster.keyFile'] !== '') {
    findings.push(error('cluster.key and cluster.keyFile are both set; remove one of them.'))
  }
  if (options['admin.token'] !== '' && options['admin.tokenFile'] !== '') {
    findings.push(error('admin.token and admin.tokenFile are both set; remove one of them.'))
  }
  const missing = [
    ...(options['cluster.key'] === '' && options['cluster.keyFile'] === '' ? ['cluster.keyFile'] : []),
    ...(options['admin.token'] === '' && options['admin.tokenFile'] === '' ? ['admin.tokenFile'] : []),
  ]
  const beyond = reachesBeyondLoopback(options)
  if (beyond.length > 0 && missing.length > 0) {
    const what = beyond.length === 1 ? `${beyond[0]} reaches` : `${beyond.join(', ')} reach`
    findings.push(
      error(
        `${what} beyond this machine, which takes a cluster key and an admin token: set ${missing.join(' and ')}. ` +
          '`holdfast init` makes both, and a configuration that names them.',
      ),
    )
  }
  return findings
}

function addressRules(options: NodeOptions): Finding[] {
  const findings: Finding[] = []
  const bulkHost = bulkHostOf(options)
  const listensBeyond = reachesBeyondLoopback(options).some((text) => text.startsWith('cluster.listen'))
  if (isWildcardHost(bulkHost) && options['cluster.advertiseHost'] === '') {
    findings.push(
      error(
        `the bulk listener binds to ${bulkHost}, which other nodes cannot connect to: set cluster.advertiseHost to the address ` +
          'by which they reach this machine.',
      ),
    )
  }
  if (listensBeyond && isLoopbackHost(bulkHost)) {
    findings.push(
      warning(
        `cluster.listen lets other machines in, but cluster.bulkHost ${bulkHost} does not: they could not fetch weights from ` +
          'here. Leave cluster.bulkHost out.',
      ),
    )
  }
  const hasPeers = options['cluster.bootstrap'].length > 0 || options['cluster.mdns'] || listensBeyond
  if (options['origin.url'] === '' && !hasPeers) {
    findings.push(
      warning(
        'neither an origin nor peers are configured, so no model can come here: set origin.url or cluster.bootstrap.',
      ),
    )
  }
  return findings
}

function tierRules(options: NodeOptions): Finding[] {
  const findings: Finding[] = []
  const limitBytes = options['memory.limitBytes']
  if (limitBytes > 0 && limitBytes < pageBytes) {
    findings.push(
      error(`memory.limitBytes is ${limitBytes}; it has to be 0 (left to the machine) or at least ${pageBytes}.`),
    )
  }
  if (options['disk.limitBytes'] === 0) {
    findings.push(
      warning(
        'disk.limitBytes is 0: models can be opened as files, but running one needs the disk tier for its converted form.',
      ),
    )
  }
  return findings
}

function nameRules(options: NodeOptions): Finding[] {
  const namespace = options['models.defaultNamespace']
  if (namespace === '' || (isModelNamePart(namespace) && namespace.length <= modelNamePartLengthMax)) return []
  return [
    error(
      `models.defaultNamespace ${JSON.stringify(namespace)} is not a namespace: use at most ${modelNamePartLengthMax} letters, digits, ` +
        "'.', '_' and '-', a letter, digit or '_' first.",
    ),
  ]
}

const error = (message: string): Finding => ({ level: 'error', message })
const warning = (message: string): Finding => ({ level: 'warning', message })
