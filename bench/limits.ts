/** What the machine does without us: the limits beside the figures. */
import { copyFile, open, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'

/** Copies a file to the same disk and syncs it. */
export async function copyMbps(path: string): Promise<number> {
  const copyPath = `${path}.copy`
  const startedMs = performance.now()
  await copyFile(path, copyPath)
  const copy = await open(copyPath, 'r+')
  await copy.sync()
  const { size } = await copy.stat()
  await copy.close()
  const seconds = (performance.now() - startedMs) / 1000
  await rm(copyPath)
  return size / 1e6 / seconds
}

/** Opens a file of the page cache and reads one byte, in microseconds. */
export async function fileOpenUs(path: string): Promise<number> {
  const byte = Buffer.alloc(1)
  const startedMs = performance.now()
  const file = await open(path)
  await file.read(byte, 0, 1, 0)
  const elapsedUs = (performance.now() - startedMs) * 1000
  await file.close()
  return elapsedUs
}

/** Sends bytes over one plain TCP connection on loopback. */
export async function tcpMbps(sizeBytes: number): Promise<number> {
  const block = Buffer.alloc(8 * 2 ** 20)
  const server = createServer((socket) => {
    let leftBytes = sizeBytes
    const send = () => {
      while (leftBytes > 0) {
        const part = block.subarray(0, Math.min(leftBytes, block.length))
        leftBytes -= part.length
        if (!socket.write(part)) return
      }
      socket.end()
    }
    socket.on('drain', send)
    socket.on('error', () => server.close())
    send()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const startedMs = performance.now()
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  let receivedBytes = 0
  for await (const part of socket) receivedBytes += (part as Buffer).length
  const seconds = (performance.now() - startedMs) / 1000
  server.close()
  return receivedBytes / 1e6 / seconds
}
