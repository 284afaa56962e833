/**
 * A file over one stream of libp2p, the receiver hashing it:
 *   libp2p.mjs noise|tls serve PATH      prints where it listens
 *   libp2p.mjs noise|tls fetch ADDRESS   prints {seconds, processorSeconds, sha256}
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { yamux } from '@chainsafe/libp2p-yamux'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

const [encryption, role, argument] = process.argv.slice(2)
const protocol = '/bench/file/1'
const blockBytes = 64 * 1024

const encrypter =
  encryption === 'tls' ? (await import('@libp2p/tls')).tls() : (await import('@chainsafe/libp2p-noise')).noise()
const node = await createLibp2p({
  addresses: { listen: role === 'serve' ? ['/ip4/127.0.0.1/tcp/0'] : [] },
  transports: [tcp()],
  connectionEncrypters: [encrypter],
  streamMuxers: [yamux()],
})

if (role === 'serve') {
  const bytes = readFileSync(argument)
  await node.handle(protocol, async (stream) => {
    for (let at = 0; at < bytes.length; at += blockBytes) {
      if (!stream.send(bytes.subarray(at, at + blockBytes))) await stream.onDrain()
    }
    await stream.close()
  })
  console.log(node.getMultiaddrs()[0].toString())
} else {
  const startedMs = performance.now()
  const usage = process.cpuUsage()
  const stream = await node.dialProtocol(multiaddr(argument), protocol)
  const hash = createHash('sha256')
  for await (const part of stream) {
    for (const bytes of part instanceof Uint8Array ? [part] : part) hash.update(bytes)
  }
  const sha256 = hash.digest('hex')
  const seconds = (performance.now() - startedMs) / 1000
  const { user, system } = process.cpuUsage(usage)
  console.log(JSON.stringify({ seconds, processorSeconds: (user + system) / 1e6, sha256 }))
  process.exit(0)
}
