// Builds the native part when its sources changed, and puts it at native/lib: holdfast.node, and for programs in other languages
// libholdfast.so with pkgconfig/holdfast.pc; and holdfast-launch, which starts the child processes of a node. Runs on any Node >= 20; needs cmake
// and a C++20 compiler, and downloads nothing: the headers come with the node-api-headers package.
//
// A process that runs keeps the file it loaded: the new one is renamed into place. Two builds at once wait for each other.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from './lock.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const source = join(root, 'native')
const target = join(source, 'lib', 'holdfast.node')
const stampPath = join(source, 'lib', 'stamp')
const buildPath = join(root, 'build', 'native')
const require = createRequire(import.meta.url)

const without = 'push, pull, ls and sim work without it; a node does not'
if (process.platform !== 'linux') skip(`the native part is for Linux only; ${without}`)
for (const tool of ['cmake', process.env.CXX || 'g++']) {
  if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0)
    skip(`${tool} not found, native part not built; ${without}`)
}
if (!isUpToDate()) await withLock(join(root, 'build', 'native.lock'), () => isUpToDate() || build())

function isUpToDate() {
  return existsSync(target) && existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp()
}

async function build() {
  const wanted = stamp()
  console.error('holdfast: building the native part (about a minute)')
  await compile().catch((error) => {
    console.error(`holdfast: building the native part failed: ${error.message ?? error}`)
    process.exit(1)
  })
  const folder = dirname(target)
  mkdirSync(join(folder, 'pkgconfig'), { recursive: true })
  place(join(buildPath, 'c-library', 'holdfast.pc'), join(folder, 'pkgconfig', 'holdfast.pc'))
  for (const name of readdirSync(join(buildPath, 'c-library')).sort().reverse()) {
    if (name.startsWith('libholdfast.so')) place(join(buildPath, 'c-library', name), join(folder, name))
  }
  place(join(buildPath, 'launcher', 'holdfast-launch'), join(folder, 'holdfast-launch'))
  place(join(buildPath, 'Release', 'holdfast.node'), target)
  writeFileSync(stampPath, wanted)
}

// By renaming: whoever uses the file that was there keeps it. A link of the library stays a link.
function place(from, to) {
  const temporary = `${to}.${process.pid}`
  rmSync(temporary, { force: true })
  if (lstatSync(from).isSymbolicLink()) symlinkSync(readlinkSync(from), temporary)
  else copyFileSync(from, temporary)
  renameSync(temporary, to)
}

async function compile() {
  const { BuildSystem } = require('cmake-js')
  const options = { directory: source, out: buildPath, preferGnu: !process.env.CXX, noLog: true, silent: true }
  const system = new BuildSystem(options)
  // It looks for "binary.napi_versions" in the package.json beside CMakeLists.txt; ours lies one folder up. Without this it
  // would download Node's headers.
  system.options.isNodeApi = true
  if (isForeign(join(buildPath, 'CMakeCache.txt'))) rmSync(buildPath, { recursive: true, force: true })
  try {
    await system.configure()
    await system.build()
  } catch {
    // Again, to be heard: what compiled before is not compiled twice.
    system.cmake.silent = false
    await system.configure()
    await system.build()
  }
}

// A cache of another checkout makes cmake stop.
function isForeign(cache) {
  return existsSync(cache) && !readFileSync(cache, 'utf8').includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${source}\n`)
}

// Changes exactly when the built file would.
function stamp() {
  const hash = createHash('sha256')
  // Every room but what was built and what only tests.
  const folders = readdirSync(source, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !['lib', 'test', 'fuzz'].includes(entry.name))
    .map((entry) => join(source, entry.name))
    .sort()
  const files = [join(source, 'CMakeLists.txt'), ...folders.flatMap(filesBelow)]
  for (const file of files) hash.update(`${relative(source, file)}\0`).update(readFileSync(file))
  for (const name of ['node-api-headers', 'node-addon-api']) hash.update(require(`${name}/package.json`).version)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return hash.update(version).update(process.arch).digest('hex')
}

function filesBelow(folder) {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}

function skip(reason) {
  console.error(`holdfast: ${reason}`)
  process.exit(0)
}
