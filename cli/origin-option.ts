/** The options that all commands of the origin share. */
import { type Command, Option } from 'commander'
import { defaultNamespace, withNamespace } from '../common/index.ts'

export function originOption(): Option {
  return new Option('--origin <url>', 'where models are kept: s3://bucket/prefix or file:///directory').env(
    'HOLDFAST_ORIGIN',
  )
}

export function jsonOption(): Option {
  return new Option('--json', 'print one JSON value on stdout, and no progress')
}

/**
 * The argument <name>, in full. The namespace that nodes complete names with is their option models.defaultNamespace; commands that speak
 * to the origin itself are told by the same variable of the environment.
 */
export function fullName(text: string): string {
  return withNamespace(text, process.env.HOLDFAST_MODELS_DEFAULT_NAMESPACE ?? defaultNamespace)
}

/** The origin of the option or the environment; without one it is a usage error, exit code 2. */
export function requireOrigin(command: Command, url: string | undefined): string {
  if (url !== undefined && url !== '') return url
  return command.error('error: no origin given: pass --origin URL or set HOLDFAST_ORIGIN', {
    exitCode: 2,
    code: 'holdfast.noOrigin',
  })
}
