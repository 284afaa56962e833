/** nginx over TLS, asked by curl in ranges and by aria2. What arrives is hashed as an operator would: by openssl, and by aria2 itself. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import type { Contender, Transfer } from './contender.ts'
import { rangesOf, type SourceFile } from './source-file.ts'
import { freePort, runTool, ToolServer, timed, toolPath } from './tools.ts'

/** The cipher of the engine, so that both pay for the same. */
const cipher = 'TLS_AES_128_GCM_SHA256'
const aria2Connections = 4

export interface WebSite {
  readonly server: ToolServer
  readonly url: string
  readonly certificatePath: string
}

/** Where a tool puts what it brings. `enter`: words before its command, as in `ip netns exec NAME`. */
export interface ToolOutput {
  readonly folder: string
  readonly enter?: readonly string[]
}

/** nginx that serves a folder over TLS 1.3 with a certificate of its own. */
export async function startNginx(
  root: string,
  folder: string,
  at: { readonly host: string; readonly port: number; readonly enter?: readonly string[] } | null = null,
): Promise<WebSite> {
  const { host, port, ...rest } = at ?? { host: '127.0.0.1', port: await freePort() }
  const home = join(folder, `nginx-${port}`)
  await mkdir(home, { recursive: true })
  const [keyPath, certificatePath] = [join(home, 'key.pem'), join(home, 'certificate.pem')]
  await runTool('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
    ...['-subj', `/CN=${host}`, '-addext', `subjectAltName=IP:${host}`, '-keyout', keyPath, '-out', certificatePath],
  ])
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const lines = [
    'daemon off;',
    ...(process.getuid?.() === 0 ? ['user root;'] : []),
    'worker_processes auto;',
    `pid ${home}/nginx.pid;`,
    `error_log ${home}/error.log;`,
    'events { worker_connections 512; }',
    'http {',
    '  access_log off;',
    '  sendfile on;',
    ...temporary.map((name) => `  ${name}_temp_path ${home}/${name};`),
    '  server {',
    `    listen ${host}:${port} ssl reuseport;`,
    `    root ${root};`,
    `    ssl_certificate ${certificatePath};`,
    `    ssl_certificate_key ${keyPath};`,
    '    ssl_protocols TLSv1.3;',
    `    ssl_conf_command Ciphersuites ${cipher};`,
    '  }',
    '}',
  ]
  const configPath = join(home, 'nginx.conf')
  await writeFile(configPath, lines.join('\n'))
  const command = (await toolPath('nginx'))!
  const server = await ToolServer.start(command, ['-p', home, '-c', configPath], { host, port, ...rest })
  return { server, url: `https://${host}:${port}`, certificatePath }
}

/** Each range is hashed as soon as it is there, all ranges at once. */
export function curlContender(site: WebSite, source: SourceFile, count: number, output: ToolOutput): Contender {
  const ranges = rangesOf(source, count)
  const one = [
    `curl -sSf --cacert "${site.certificatePath}" --tls13-ciphers ${cipher}`,
    `-r "$1" -o "$2" "${site.url}/${source.name}" && openssl dgst -sha256 -r "$2"`,
  ].join(' ')
  return {
    id: `curl/${count}`,
    transfer: async () => {
      const paths = ranges.map((_, index) => join(output.folder, `curl-${count}-${index}`))
      const result = await timed(site.server, async () => {
        const digests = ranges.map(({ firstByte, lastByte }, index) =>
          runTool('sh', ['-c', one, 'sh', `${firstByte}-${lastByte}`, paths[index]!], output.enter),
        )
        for (const [index, printed] of (await Promise.all(digests)).entries()) {
          if (!printed.startsWith(ranges[index]!.sha256)) throw wrongBytes('curl')
        }
      })
      await removeAll(paths)
      return result
    },
    stop: async () => {},
  }
}

/** Compares the checksum by itself; it ends with an error when it is another. */
export function aria2Contender(
  site: WebSite,
  source: SourceFile,
  output: ToolOutput,
  connections = aria2Connections,
): Contender {
  const args = [
    ...['--quiet', '--no-conf', '--file-allocation=none', '--allow-overwrite=true', '--min-split-size=1M'],
    ...[`--split=${connections}`, `--max-connection-per-server=${connections}`],
    ...[`--ca-certificate=${site.certificatePath}`, `--checksum=sha-256=${source.sha256}`],
    ...[`--dir=${output.folder}`, '--out=aria2', `${site.url}/${source.name}`],
  ]
  return {
    id: 'aria2',
    transfer: async (): Promise<Transfer> => {
      const result = await timed(site.server, async () => void (await runTool('aria2c', args, output.enter)))
      await removeAll([join(output.folder, 'aria2')])
      return result
    },
    stop: async () => {},
  }
}

export function wrongBytes(tool: string): HoldfastError {
  return new HoldfastError('DIGEST_MISMATCH', `${tool} brought other bytes than were there.`)
}

async function removeAll(paths: readonly string[]): Promise<void> {
  await Promise.all(paths.map((path) => rm(path)))
}
