/**
 * The admin tokens that are valid now. Several at once, so that a new one can be handed out before the old one is withdrawn.
 * A token is compared with all of them in a time that depends on neither: hashes of one length, and no early end.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { HoldfastError } from '../../common/index.ts'
import { readSecretFile } from '../system/index.ts'

/** Enough for a token per operator; more is some other file. */
export const adminTokensMax = 64
/** Shorter ones can be guessed. `holdfast init` makes 43 characters. */
export const adminTokenLengthMin = 16
const fileBytesMax = 16_384
const generatedBytes = 32

export interface AdminTokenOptions {
  readonly 'admin.token': string
  readonly 'admin.tokenFile': string
}

export class AdminTokens {
  #hashes: readonly Buffer[]
  #generation = 0
  /** Changes are open to everybody who reaches the interface: only for one bound to loopback, whose user set no token. */
  private readonly openWithoutToken: boolean

  constructor(tokens: readonly string[], options: { readonly openWithoutToken: boolean }) {
    this.#hashes = tokens.map(hashOf)
    this.openWithoutToken = options.openWithoutToken
  }

  replace(tokens: readonly string[]): void {
    this.#hashes = tokens.map(hashOf)
    this.#generation += 1
  }

  /** Rises when they are replaced. */
  get generation(): number {
    return this.#generation
  }

  get count(): number {
    return this.#hashes.length
  }

  /** No token is asked for. */
  get isOpen(): boolean {
    return this.#hashes.length === 0 && this.openWithoutToken
  }

  /** Is the sha256 that of a valid token? */
  has(given: Buffer): boolean {
    let isValid = false
    for (const hash of this.#hashes) isValid = timingSafeEqual(hash, given) || isValid
    return isValid
  }
}

export function generateAdminToken(): string {
  return randomBytes(generatedBytes).toString('base64url')
}

/** One token per line; empty lines and lines that start with `#` are skipped. BAD_CONFIG repeats no token. */
export function parseAdminTokens(text: string, where: string): string[] {
  const tokens = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (tokens.length === 0) throw new HoldfastError('BAD_CONFIG', `${where} holds no admin token.`)
  if (tokens.length > adminTokensMax) {
    throw new HoldfastError(
      'BAD_CONFIG',
      `${where} holds ${tokens.length} admin tokens; at most ${adminTokensMax} may be valid.`,
    )
  }
  if (tokens.some((token) => token.length < adminTokenLengthMin || !/^[\x21-\x7e]+$/.test(token))) {
    throw new HoldfastError(
      'BAD_CONFIG',
      `${where} holds an admin token that is too short or has spaces in it: it takes ${adminTokenLengthMin} or more letters, ` +
        'digits and signs. `holdfast init` makes one.',
    )
  }
  return tokens
}

/** Of the options; empty without any. */
export async function loadAdminTokens(options: AdminTokenOptions): Promise<string[]> {
  if (options['admin.token'] !== '') return parseAdminTokens(options['admin.token'], 'admin.token')
  const file = options['admin.tokenFile']
  return file === '' ? [] : readAdminTokens(file)
}

export async function readAdminTokens(path: string): Promise<string[]> {
  const text = await readSecretFile(path, { what: 'admin token', option: 'admin.tokenFile', bytesMax: fileBytesMax })
  return parseAdminTokens(text, path)
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
