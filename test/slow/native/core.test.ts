/** Builds and runs the tests of the native core (native/test): hostile clients, limits, threads, without Node around them. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..', '..')
const folder = join(root, 'build', 'core-tests')

const run = async (command: string, args: readonly string[]) => {
  try {
    return (await promisify(execFile)(command, [...args], { maxBuffer: 64 << 20 })).stdout
  } catch (error) {
    // Which test failed, and where, stands at the end of what was printed.
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${command} failed:\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`, { cause: error })
  }
}

test('the tests of the native core pass', async ({ skip }) => {
  try {
    await run('cmake', [
      '-S',
      join(root, 'native'),
      '-B',
      folder,
      '-DHOLDFAST_BUILD_TESTS=ON',
      '-DCMAKE_BUILD_TYPE=Debug',
    ])
  } catch (error) {
    const text = String(error)
    if (text.includes('CRYPTO_LIBRARY')) skip('no libcrypto on this machine to link the tests with')
    throw error
  }
  await run('cmake', ['--build', folder, '--parallel', '2'])
  const report = await run('ctest', ['--test-dir', folder, '--output-on-failure'])
  expect(report).toContain('100% tests passed')
})
