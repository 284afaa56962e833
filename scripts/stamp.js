// The stamp of an installation: changes exactly when the set of installed packages should.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export function installStampPath(root) {
  return join(root, 'node_modules', '.holdfast-install')
}

export function installStamp(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform} ${process.arch}`)
    .digest('hex')
}
