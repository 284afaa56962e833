// npm's install step of this package: builds the native part and, in a checkout, dist/; there it also notes what was installed, so that
// scripts/ensure.js knows that there is nothing to do.
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installStamp, installStampPath } from './stamp.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
for (const script of ['build-native.js', 'build-dist.js']) {
  const result = spawnSync(process.execPath, [join(root, 'scripts', script)], { cwd: root, stdio: 'inherit' })
  if (result.status !== 0) process.exit(result.status ?? 1)
}
if (existsSync(join(root, 'package-lock.json')) && existsSync(join(root, 'node_modules'))) {
  writeFileSync(installStampPath(root), installStamp(root))
}
