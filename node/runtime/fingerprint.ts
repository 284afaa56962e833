/**
 * Names the converter: a derived file holds a graph optimised for one version of ONNX Runtime, with one set of options, on one
 * kind of processor (weights are laid out for its vector width). On another it would be slow or not run at all.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { deriveOptions } from './session-options.ts'

/** Rises when conversion makes another form of the same model, or takes models that it refused. */
const converterVersion = 2

export function runtimeFingerprint(): string {
  const hash = createHash('sha256')
    .update(cpuFeatures())
    .update(JSON.stringify([converterVersion, deriveOptions('')]))
  return `onnxruntime-${runtimeVersion()}-${process.arch}-${hash.digest('hex').slice(0, 16)}`
}

/** Without loading the library, which costs 20 MB in a process that never runs a model. */
function runtimeVersion(): string {
  const path = createRequire(import.meta.url).resolve('onnxruntime-node/package.json')
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

function cpuFeatures(): string {
  try {
    const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]
    if (line !== undefined) return line.split(/\s+/).sort().join(' ')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return cpus()[0]?.model ?? 'unknown' // not Linux
}
