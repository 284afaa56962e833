/**
 * The world in which the pages are true: two boxes (a home and a set of ports each), an origin at /srv/models, a folder with models,
 * keys and requests. What cannot be had in a test is replaced in the text of a block before it runs: fixed ports by free ones,
 * documentation addresses by loopback ones, absolute paths by temporary ones. Of the commands only `holdfast node` differs: it
 * returns when the node is up, so that what follows on the page can be typed.
 */
import { execFile } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createPrng } from '../../common/index.ts'
import { makeBody } from '../../demo/ask.ts'
import { generateModel } from '../../demo/models/index.ts'
import { readInputs } from '../../demo/read-inputs.ts'
import { ClusterKey } from '../../node/net/cluster-key.ts'
import { systemClock } from '../../node/system/index.ts'
import { loadPublisherKey, openOrigin, push } from '../../origin/index.ts'
import { binPath, cleanEnvironment } from '../support/holdfast-command.ts'
import { hung } from '../support/hung.ts'
import { root } from '../support/source-files.ts'
import type { Block } from './blocks.ts'

interface Box {
  readonly folder: string
  readonly host: string
  readonly httpPort: number
  readonly clusterPort: number
}

export class World {
  private readonly folder: string
  private readonly boxes: Readonly<Record<Block['box'], Box>>

  private constructor(folder: string, boxes: Readonly<Record<Block['box'], Box>>) {
    this.folder = folder
    this.boxes = boxes
  }

  static async create(options: { readonly needsNode: boolean }): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'hf-docs-'))
    const box = async (name: string, host: string): Promise<Box> => {
      const home = join(folder, name)
      await mkdir(join(home, 'run'), { recursive: true })
      return { folder: home, host, httpPort: await freePort(host), clusterPort: await freePort(host) }
    }
    const boxes = { first: await box('box1', '127.0.0.2'), second: await box('box2', '127.0.0.3') }
    const world = new World(folder, boxes)
    try {
      await world.furnish()
      if (options.needsNode) {
        await world.populate()
        await world.run({ text: 'holdfast node --origin-url file:///srv/models', box: 'first' })
      }
      return world
    } catch (error) {
      await world.dispose()
      throw error
    }
  }

  run({ text, box }: Pick<Block, 'text' | 'box'>): Promise<{ code: number; output: string }> {
    const { folder, httpPort } = this.boxes[box]
    const env = cleanEnvironment({
      HOME: folder,
      XDG_RUNTIME_DIR: join(folder, 'run'),
      XDG_CONFIG_HOME: '',
      XDG_DATA_HOME: join(folder, 'data'),
      PATH: `${join(this.folder, 'bin')}${delimiter}${process.env.PATH}`,
      HOLDFAST_URL: `http://127.0.0.1:${httpPort}`,
      HOLDFAST_HTTP_PORT: String(httpPort),
      HOLDFAST_CLUSTER_BULK_PORT: '0',
      HOLDFAST_MEMORY_LIMIT_BYTES: '256MiB',
      HOLDFAST_DISK_LIMIT_BYTES: '256MiB',
      WORLD: this.folder,
    })
    // What a block exports, the next one on that box finds: a person types them all into one shell.
    const exports = `"$WORLD/exports-${box}"`
    const before = `[ ! -e ${exports} ] || . ${exports}`
    const script = `set -euo pipefail\n${before}\n${this.replaced(text, this.boxes[box])}\nexport -p > ${exports}`
    return new Promise((resolve) => {
      execFile('bash', ['-c', script], { cwd: folder, env, signal: hung() }, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
        resolve({ code, output: `${stdout}${stderr}` })
      })
    })
  }

  async dispose(): Promise<void> {
    const pids = join(this.folder, 'pids')
    for (const name of await readdir(pids)) {
      const pid = Number(name)
      try {
        process.kill(pid, 'SIGKILL')
      } catch (error) {
        // A page may have stopped it.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  private get originPath(): string {
    return join(this.folder, 'srv', 'models')
  }

  private replaced(text: string, box: Box): string {
    const { first, second } = this.boxes
    return text
      .replaceAll('/srv/models', this.originPath)
      .replaceAll('/etc/holdfast', join(box.folder, 'etc'))
      .replaceAll('192.0.2.7/tcp/4001', `${first.host}/tcp/${first.clusterPort}`)
      .replaceAll('192.0.2.7', `${first.host} --cluster-port ${first.clusterPort}`)
      .replaceAll('192.0.2.8', `${second.host} --cluster-port ${second.clusterPort}`)
      .replaceAll('8080', String(box.httpPort))
  }

  /** What a reader of the pages has lying about. */
  private async furnish(): Promise<void> {
    const bin = join(this.folder, 'bin')
    await Promise.all([bin, join(this.folder, 'pids'), this.originPath].map((path) => mkdir(path, { recursive: true })))
    await script(join(bin, 'holdfast'), holdfastScript)
    await script(join(bin, 'npx'), '#!/usr/bin/env bash\nexec "$@"\n')
    await script(join(bin, 'scp'), '#!/usr/bin/env bash\ncp "$1" "$WORLD/box2/"\n')
    const { folder } = this.boxes.first
    // What is typed in the clone.
    for (const name of ['clients', 'native']) await symlink(join(root, name), join(folder, name))
    await cp(join(root, 'examples'), join(folder, 'examples'), { recursive: true })
    for (const name of ['resnet50', 'model']) {
      await mkdir(join(folder, name))
      await generateModel('tiny', join(folder, name), { seed: name.length })
    }
    // Variants of one network in a folder, and a folder of models.
    await mkdir(join(folder, 'bert', 'onnx'), { recursive: true })
    await mkdir(join(folder, 'models'))
    for (const name of ['model.onnx', 'model_quantized.onnx'])
      await cp(join(folder, 'model', 'model.onnx'), join(folder, 'bert', 'onnx', name))
    for (const name of ['mobilenet', 'squeezenet'])
      await cp(join(folder, 'model'), join(folder, 'models', name), { recursive: true })
    await generateModel('gguf-tiny', folder)
    await rename(join(folder, 'model.gguf'), join(folder, 'llama.gguf'))
    const body = makeBody(await readInputs(join(folder, 'resnet50', 'model.onnx')), createPrng(1))
    await writeFile(join(folder, 'request.json'), JSON.stringify(body))
    await writeFile(join(folder, 'cluster.key'), `${ClusterKey.generate().text()}\n`, { mode: 0o600 })
    const originUrl = pathToFileURL(this.originPath).href
    await writeFile(join(folder, 'node.yaml'), `memory:\n  limitBytes: 256MiB\norigin:\n  url: ${originUrl}\n`)
  }

  /** The models that the pages speak of. */
  private async populate(): Promise<void> {
    const { folder } = this.boxes.first
    const origin = openOrigin(pathToFileURL(this.originPath).href, { clock: systemClock })
    const publisherKey = await loadPublisherKey(join(this.folder, 'publisher.key'))
    await cp(join(folder, 'resnet50'), join(this.originPath, 'plain', 'bert'), { recursive: true })
    for (const name of ['acme/resnet50:v2', 'acme/resnet50:v3', 'acme/llama:v1', 'acme/llama-chat:v2']) {
      const source = join(folder, name.includes('llama') ? 'llama.gguf' : 'resnet50')
      await push({ source, name, origin, publisherKey })
    }
  }
}

/**
 * A node goes on in the background from the moment when it is up; a lease that is held until Ctrl-C gets that when
 * the model is open. */
const holdfastScript = `#!/usr/bin/env bash
run() { "${process.execPath}" "${binPath}" "$@"; }
case " $* " in
  *" --validate "* | *" --help "*) ;;
  " node "*)
    up=$(mktemp -p "$WORLD")
    "${process.execPath}" "${binPath}" "$@" >"$up" 2>"$up.log" </dev/null &
    touch "$WORLD/pids/$!"
    while kill -0 $! 2>/dev/null; do
      if [ -s "$up" ]; then exit 0; fi
      sleep 0.1
    done
    cat "$up.log" >&2
    exit 1 ;;
  *" --hold "*)
    opened=$(mktemp -p "$WORLD")
    "${process.execPath}" "${binPath}" "$@" >"$opened" </dev/null &
    until [ -s "$opened" ] || ! kill -0 $! 2>/dev/null; do sleep 0.1; done
    kill $! 2>/dev/null
    wait $! || [ $? = 143 ] || exit 1
    cat "$opened"
    exit ;;
esac
run "$@"
`

async function script(path: string, text: string): Promise<void> {
  await writeFile(path, text)
  await chmod(path, 0o755)
}

async function freePort(host: string): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
