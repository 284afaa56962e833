// Makes the checkout ready to run: installs the dependencies when package-lock.json changed, builds the native part and
// dist/ when their sources changed, and does nothing otherwise. Runs before `npm start` and `npm test`, on any Node >= 20, with no dependency.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from './lock.js'
import { installStamp, installStampPath } from './stamp.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

const major = Number(process.versions.node.split('.')[0])
if (major < 20) fail(`Holdfast needs Node 20 or later to install itself; this is ${process.versions.node}.`)

await withLock(join(root, '.holdfast', 'install.lock'), () => {
  const path = installStampPath(root)
  const installed = existsSync(path) && readFileSync(path, 'utf8') === installStamp(root)
  // `npm ci` builds them too, through the package's own install script.
  if (!installed) run('npm', ['ci', '--no-audit', '--no-fund'])
  else for (const script of ['build-native.js', 'build-dist.js']) run(process.execPath, [join(root, 'scripts', script)])
})

function run(command, args) {
  const env = { ...process.env }
  // A parent npm would otherwise hand its own command's settings down to the install.
  for (const name of Object.keys(env)) if (/^npm_(lifecycle|package|command)/.test(name)) delete env[name]
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', env })
  if (result.status !== 0) fail(`\`${command} ${args.join(' ')}\` failed; its output above says why.`)
}

function fail(message) {
  console.error(`holdfast: ${message}`)
  process.exit(1)
}
