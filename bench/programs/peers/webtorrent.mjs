/**
 * A file by BitTorrent's protocol over TCP, from one seeder; the receiver compares the digest of each piece:
 *   webtorrent.mjs serve PATH      prints where it listens
 *   webtorrent.mjs fetch ADDRESS   prints {seconds, processorSeconds, sha256}; the sha256 is taken after the seconds
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

// WebRTC, for peers in browsers, is native code that is fetched when the package is installed. TCP needs none of it.
const nothing = 'data:text/javascript,export default class {}'
registerHooks({
  resolve: (name, context, next) =>
    name.startsWith('@thaunknown/simple-peer') || name === 'webrtc-polyfill'
      ? { url: nothing, shortCircuit: true }
      : next(name, context),
})
const { default: MemoryStore } = await import('memory-chunk-store')
const { default: WebTorrent } = await import('webtorrent')

const [role, argument] = process.argv.slice(2)
const client = new WebTorrent({
  dht: false,
  lsd: false,
  utp: false,
  utPex: false,
  natUpnp: false,
  natPmp: false,
  tracker: false,
})
client.on('error', (error) => {
  console.error(error)
  process.exit(1)
})

if (role === 'serve') {
  const bytes = readFileSync(argument)
  bytes.name = 'weights.bin'
  client.seed(bytes, { store: MemoryStore, announce: [] }, ({ torrentFile }) => {
    console.log(`${client.torrentPort} ${Buffer.from(torrentFile).toString('base64')}`)
  })
} else {
  const [port, torrentFile] = argument.split(' ')
  const startedMs = performance.now()
  const usage = process.cpuUsage()
  const torrent = client.add(Buffer.from(torrentFile, 'base64'), { store: MemoryStore, announce: [] })
  torrent.on('infoHash', () => torrent.addPeer(`127.0.0.1:${port}`))
  torrent.on('done', async () => {
    const seconds = (performance.now() - startedMs) / 1000
    const { user, system } = process.cpuUsage(usage)
    const processorSeconds = (user + system) / 1e6
    const hash = createHash('sha256')
    for await (const part of torrent.files[0]) hash.update(part)
    console.log(JSON.stringify({ seconds, processorSeconds, sha256: hash.digest('hex') }))
    process.exit(0)
  })
}
