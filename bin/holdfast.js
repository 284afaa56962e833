#!/usr/bin/env node
// Entry of the command line. Plain JavaScript, so that an old Node can say what is wrong, or hand over to the Node that the
// package brought along. In a checkout the TypeScript sources run as they are; in an installed package, dist/ does.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const [major, minor] = process.versions.node.split('.').map(Number)

// Before the first use of them. A folder that hangs may keep eight (origin/stores/file/bounded-calls.ts); the state folder, name lookups and
// everything else need the others.
process.env.UV_THREADPOOL_SIZE ??= '16'

if (major > 22 || (major === 22 && minor >= 18)) {
  // Compiled code is kept between starts: a node is up in half the time.
  module.enableCompileCache()
  const source = join(root, 'cli', 'main.ts')
  const isCheckout = existsSync(source) && !root.includes(`${sep}node_modules${sep}`)
  await import(pathToFileURL(isCheckout ? source : join(root, 'dist', 'cli', 'main.js')).href)
} else {
  handOver()
}

function handOver() {
  const bundled = findBundledNode()
  if (bundled === null) {
    console.error(`holdfast: needs Node 22.18 or later; this is ${process.versions.node}.`)
    process.exit(2)
  }
  const child = spawn(bundled, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    if (signal !== null) process.removeAllListeners(signal)
    if (signal !== null) process.kill(process.pid, signal)
    else process.exit(code ?? 1)
  })
}

function findBundledNode() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('node/package.json'))
    const path = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    return existsSync(path) ? path : null
  } catch {
    return null
  }
}
