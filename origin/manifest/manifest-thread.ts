/** A thread that checks one manifest: anybody may have written it, and a large one takes seconds. */
import { parentPort, workerData } from 'node:worker_threads'
import { isHoldfastError } from '../../common/index.ts'
import { parseManifestOf } from './manifest.ts'
import type { ManifestTask, ManifestVerdict } from './read-manifest.ts'

const { digest, bytes, limits } = workerData as ManifestTask

function check(): ManifestVerdict {
  try {
    parseManifestOf(digest, bytes, limits)
    return { isGood: true }
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    return { isGood: false, code: error.code, message: error.message }
  }
}

parentPort!.postMessage(check())
