/** Secrets that others of this machine can read: in files, and in the arguments of the process. */
import { stat } from 'node:fs/promises'
import { flagNameOf, type NodeOptions, optionKeys, optionTable } from '../config/index.ts'
import { type Verdict, warn } from './types.ts'

const othersMask = 0o077

/** Options that name a file with secrets. */
const secretFileKeys = ['cluster.keyFile', 'admin.tokenFile', 'store.accessFile'] as const

export async function readableSecrets(options: NodeOptions): Promise<Verdict[]> {
  const paths = secretFileKeys.map((key) => options[key]).filter((path) => path !== '')
  const modes = await Promise.all(paths.map(modeOf))
  return paths
    .filter((_, index) => (modes[index]! & othersMask) !== 0)
    .map((path) => warn(`${path} can be read by others`, `chmod 600 ${path}`))
}

/** Everybody on this machine reads the arguments of a process in /proc, and many log them. */
export function secretArguments(args: readonly string[]): Verdict[] {
  const flags = optionKeys.filter((key) => optionTable[key].isSecret === true).map(flagNameOf)
  const given = flags.filter((flag) => args.some((arg) => arg === flag || arg.startsWith(`${flag}=`)))
  const verdicts = given.map((flag) =>
    warn(
      `${flag} shows a secret to everybody who lists processes`,
      `Write it to a file of mode 600, and name that with ${flag.replace(/-(key|token)$/, '-$1-file')}.`,
    ),
  )
  if (!args.some((arg) => /s3:\/\/[^/@\s]+:[^/@\s]+@/.test(arg))) return verdicts
  const action = 'Give them as $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY, or in the configuration file.'
  return [...verdicts, warn('an origin URL in the arguments shows its keys to everybody who lists processes', action)]
}

/** Of the file that a link leads to; 0 for one that is not there, which was told already. */
async function modeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).mode
  } catch {
    return 0
  }
}
