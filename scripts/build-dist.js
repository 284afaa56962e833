// Compiles the sources to dist/ when they changed, so that `import 'holdfast'` works in a checkout too; an installed package brings
// its dist/ along. Runs on any Node >= 20; needs TypeScript, which a checkout has and a package need not.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from './lock.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const stampPath = join(root, 'dist', '.stamp')
const folders = [
  'bench',
  'cli',
  'clients/node',
  'common',
  'core',
  'demo',
  'native',
  'node',
  'origin',
  'placement',
  'sim',
]

if (existsSync(compiler) && !isUpToDate()) {
  await withLock(join(root, 'build', 'dist.lock'), () => isUpToDate() || build())
}

function isUpToDate() {
  return existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp()
}

function build() {
  const wanted = stamp()
  const result = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
  if (result.status !== 0) {
    console.error(
      'holdfast: compiling the sources failed; the errors above say where. Only `import` of the package needs it.',
    )
    return
  }
  mkdirSync(dirname(stampPath), { recursive: true })
  writeFileSync(stampPath, wanted)
}

function stamp() {
  const hash = createHash('sha256').update(readFileSync(join(root, 'tsconfig.json')))
  for (const folder of folders) {
    for (const name of readdirSync(join(root, folder), { recursive: true }).sort()) {
      if (name.endsWith('.ts')) hash.update(name).update(readFileSync(join(root, folder, name)))
    }
  }
  return hash.digest('hex')
}
