/**
 * `s3://bucket/prefix[?endpoint=https://host:port][&region=name]`. Without `endpoint` the environment decides
 * (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL), and else it is AWS. Credentials never stand in a URL: URLs end up in logs.
 */
import { HoldfastError } from '../../../common/index.ts'
import { pathProblem } from '../../files/file-path.ts'
import { reservedFolder } from '../object-key.ts'

export interface S3Target {
  /** Normalised, as it was given: for messages, and to open the same origin again. */
  readonly url: string
  readonly bucket: string
  /** '' or ends in '/': what every key of the origin begins with. */
  readonly prefix: string
  readonly endpoint: string | null
  readonly region: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** S3's own rules are narrower, but older buckets and other stores have capitals and underscores. */
const bucketPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/
const defaultRegion = 'us-east-1'
const knownParameters = ['endpoint', 'region']

/** BAD_ORIGIN_URL says what is wrong with it. */
export function parseS3Url(url: string, environment: Environment = process.env): S3Target {
  const parsed = URL.parse(url)
  if (parsed?.protocol !== 's3:' || !/^s3:\/\//i.test(url)) throw bad(url, 'write it as s3://bucket/prefix')
  if (parsed.username !== '' || parsed.password !== '' || parsed.port !== '' || parsed.hash !== '') {
    throw bad('s3://...', 'it has only a bucket and a prefix. Credentials come from AWS_* variables')
  }
  const bucket = parsed.hostname
  if (!bucketPattern.test(bucket)) throw bad(url, 'the bucket name is not one')
  const prefix = prefixOf(parsed, url)
  for (const name of parsed.searchParams.keys()) {
    if (!knownParameters.includes(name)) {
      throw bad(url, `there is no parameter ${name}; there are ${knownParameters.join(' and ')}`)
    }
  }
  const given = parsed.searchParams.get('endpoint')
  const endpoint = given ?? (environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL || null)
  if (endpoint !== null) checkEndpoint(url, endpoint)
  const region =
    parsed.searchParams.get('region') || environment.AWS_REGION || environment.AWS_DEFAULT_REGION || defaultRegion
  const path = prefix === '' ? '' : `/${prefix.slice(0, -1)}`
  return { url: `s3://${bucket}${path}${parsed.search}`, bucket, prefix, endpoint, region }
}

function prefixOf(parsed: URL, url: string): string {
  let path: string
  try {
    path = decodeURIComponent(parsed.pathname).replace(/^\/|\/$/g, '')
  } catch {
    throw bad(url, 'its prefix has a broken % escape')
  }
  if (path === '') return ''
  const problem = pathProblem(path)
  if (problem !== null) throw bad(url, `its prefix ${problem}`)
  if (path.split('/').includes(reservedFolder)) throw bad(url, `its prefix has a part ${reservedFolder}`)
  return `${path}/`
}

function checkEndpoint(url: string, endpoint: string): void {
  const parsed = URL.parse(endpoint)
  if (parsed && ['http:', 'https:'].includes(parsed.protocol) && parsed.username === '' && parsed.password === '')
    return
  throw bad(url, `the endpoint ${JSON.stringify(endpoint.slice(0, 200))} is not an http or https URL`)
}

function bad(url: string, why: string): HoldfastError {
  const shown = url.slice(0, 200)
  return new HoldfastError('BAD_ORIGIN_URL', `The origin URL ${JSON.stringify(shown)} is not understood: ${why}.`, {
    details: { url: shown },
  })
}
