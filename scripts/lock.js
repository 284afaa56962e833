// A lock between processes: a folder that only one of them can make. A lock whose owner is dead is taken over.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const pollMs = 200

export async function withLock(path, action) {
  mkdirSync(dirname(path), { recursive: true })
  let told = false
  while (!acquire(path)) {
    if (!told) console.error(`holdfast: waiting for another installation or build to end (${path})`)
    told = true
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  try {
    return await action()
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

function acquire(path) {
  try {
    mkdirSync(path)
    writeFileSync(join(path, 'pid'), String(process.pid))
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
  if (!isAlive(ownerOf(path))) rmSync(path, { recursive: true, force: true })
  return false
}

function ownerOf(path) {
  try {
    return Number(readFileSync(join(path, 'pid'), 'utf8'))
  } catch {
    return Number.NaN // The owner is between mkdir and write: alive as far as anybody can tell.
  }
}

function isAlive(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return true
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
