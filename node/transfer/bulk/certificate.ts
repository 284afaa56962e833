/**
 * A self-signed certificate for one run of the process, its key never on disk. TLS needs one; nobody trusts it (see proof.ts), so
 * its names and dates mean nothing. It is the smallest X.509 there is (version 1, no extensions; RFC 5280, 4.1), which is
 * written here in a few lines of DER rather than by a library that needs a reflection polyfill in the whole process.
 *
 *   Certificate    = SEQUENCE { TBSCertificate, ecdsa-with-SHA256, BIT STRING signature }
 *   TBSCertificate = SEQUENCE { serial, ecdsa-with-SHA256, issuer, validity, subject, SubjectPublicKeyInfo }
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

export interface CertificatePair {
  /** PEM. */
  readonly cert: string
  readonly key: string
}

const tag = { integer: 0x02, bitString: 0x03, oid: 0x06, utf8: 0x0c, time: 0x18, sequence: 0x30, set: 0x31 }
const ecdsaWithSha256 = der(tag.sequence, der(tag.oid, Buffer.from('2a8648ce3d040302', 'hex')))
const commonName = der(tag.oid, Buffer.from('550403', 'hex'))

export function makeCertificate(): CertificatePair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const attribute = der(tag.sequence, commonName, der(tag.utf8, Buffer.from('holdfast')))
  const name = der(tag.sequence, der(tag.set, attribute))
  // The first byte is neither 0 nor above 0x7f: a positive integer in its shortest form.
  const serial = der(tag.integer, Buffer.concat([Buffer.of(0x42), randomBytes(15)]))
  const validity = der(
    tag.sequence,
    der(tag.time, Buffer.from('20000101000000Z')),
    der(tag.time, Buffer.from('99991231235959Z')),
  )
  const publicInfo = publicKey.export({ type: 'spki', format: 'der' })
  const body = der(tag.sequence, serial, ecdsaWithSha256, name, validity, name, publicInfo)
  const signature = der(tag.bitString, Buffer.of(0), sign('sha256', body, privateKey))
  return {
    cert: pem('CERTIFICATE', der(tag.sequence, body, ecdsaWithSha256, signature)),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

function der(tagByte: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size =
    length < 0x80
      ? Buffer.of(length)
      : length < 0x100
        ? Buffer.of(0x81, length)
        : Buffer.of(0x82, length >> 8, length & 0xff)
  return Buffer.concat([Buffer.of(tagByte), size, content])
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').replaceAll(/.{64}/g, '$&\n')
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}
