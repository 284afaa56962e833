/** Compiles a C program against the client library, as anybody would: cc, pkg-config, C11, no warnings. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const library = join(import.meta.dirname, '..', '..', 'native', 'lib')

/** The environment in which a compiled program finds the library. */
export const libraryEnvironment = { ...process.env, LD_LIBRARY_PATH: library }

/** Compiles test/native/programs/NAME.c into the folder; resolves with the path of the program. */
export async function compileProgram(name: string, folder: string): Promise<string> {
  const env = { ...process.env, PKG_CONFIG_PATH: join(library, 'pkgconfig') }
  const { stdout } = await run('pkg-config', ['--cflags', '--libs', 'holdfast'], { env })
  const program = join(folder, name)
  const source = join(import.meta.dirname, 'programs', `${name}.c`)
  const strict = ['-std=c11', '-pedantic', '-Wall', '-Wextra', '-Werror', '-pthread']
  await run('cc', [...strict, source, '-o', program, ...stdout.trim().split(/\s+/)])
  return program
}

/** The hash that programs/client.c prints of bytes. */
export function fnv1a(bytes: Uint8Array): string {
  let hash = 14695981039346656037n
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 1099511628211n)
  return hash.toString(16).padStart(16, '0')
}
