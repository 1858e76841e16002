import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Minted {
  /** PEM: the certificate, then the chain it is sent with. */
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

interface LeafOptions {
  readonly names?: readonly string[];
  readonly subject?: string;
  readonly issuer?: 'root' | 'intermediate';
  /** In openssl's format: YYYYMMDDHHMMSSZ. */
  readonly from?: string;
  readonly to?: string;
}

/** A certificate authority for one test, made by the `openssl` command; `remove` deletes its folder. */
export class CertificateMint {
  readonly folder = mkdtempSync(join(tmpdir(), 'tocsin-tls-'));
  readonly caFile = join(this.folder, 'root.pem');
  #count = 0;

  constructor() {
    this.write('ca.cnf', CA_CONFIG);
    this.write('index.txt', '');
    this.write('serial', '00abcd12\n');
    this.#openssl([
      ...REQUEST,
      '-x509',
      '-days',
      '3000',
      '-subj',
      '/O=Tocsin Tests/CN=Test Root',
      '-keyout',
      'root.key',
      '-out',
      'root.pem',
    ]);
    this.#request('intermediate', '/CN=Test Intermediate');
    this.#sign('intermediate', { issuer: 'root', to: '20330101000000Z' }, 'basicConstraints=CA:TRUE\n');
  }

  get ca(): string {
    return readFileSync(this.caFile, 'utf8');
  }

  /** The certificate of the authority between the root and some leaves. */
  get intermediate(): string {
    return this.#read('intermediate.pem');
  }

  /** Another certificate of the intermediate authority, issued by the root: its leaves match both. */
  otherIntermediate(to: string): string {
    const name = `intermediate${++this.#count}`;
    this.write(`${name}.csr`, this.#read('intermediate.csr'));
    this.#sign(name, { to }, 'basicConstraints=CA:TRUE\n');
    return this.#read(`${name}.pem`);
  }

  /** A server certificate, by default for `localhost` and 127.0.0.1, signed by the root. */
  leaf(options: LeafOptions = {}): Minted {
    const name = `leaf${++this.#count}`;
    this.#request(name, options.subject ?? '/CN=localhost');
    const names = options.names ?? ['DNS:localhost', 'IP:127.0.0.1'];
    const extension = names.length === 0 ? '' : `subjectAltName=${names.join(',')}\n`;
    this.#sign(name, options, `basicConstraints=CA:FALSE\n${extension}`);
    const issuer = options.issuer === 'intermediate' ? this.intermediate : '';
    return this.#minted(name, this.#read(`${name}.pem`) + issuer);
  }

  expired(): Minted {
    return this.leaf({ from: '20200101000000Z', to: '20210101000000Z' });
  }

  selfSigned(): Minted {
    const name = `self${++this.#count}`;
    this.#openssl([
      ...REQUEST,
      '-x509',
      '-days',
      '30',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost,IP:127.0.0.1',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
    ]);
    return this.#minted(name, this.#read(`${name}.pem`));
  }

  write(name: string, content: string): string {
    const file = join(this.folder, name);
    writeFileSync(file, content);
    return file;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  #minted(name: string, cert: string): Minted {
    const key = this.#read(`${name}.key`);
    return {
      cert,
      key,
      certFile: this.write(`${name}.chain.pem`, cert),
      keyFile: join(this.folder, `${name}.key`),
    };
  }

  #request(name: string, subject: string): void {
    this.#openssl([...REQUEST, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`]);
  }

  #sign(name: string, { issuer = 'root', from, to }: LeafOptions, extensions: string): void {
    this.write(`${name}.ext`, extensions);
    const dates = [...(from === undefined ? [] : ['-startdate', from]), '-enddate', to ?? '20320101000000Z'];
    this.#openssl([
      'ca',
      '-batch',
      '-notext',
      '-config',
      'ca.cnf',
      '-cert',
      `${issuer}.pem`,
      '-keyfile',
      `${issuer}.key`,
      ...dates,
      '-extfile',
      `${name}.ext`,
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.pem`,
    ]);
  }

  #read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }

  #openssl(args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.folder, stdio: ['ignore', 'ignore', 'pipe'] });
  }
}

const REQUEST = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

const CA_CONFIG = `
[ca]
default_ca = own
[own]
database = ./index.txt
new_certs_dir = .
serial = ./serial
default_md = sha256
unique_subject = no
policy = any
email_in_dn = yes
[any]
countryName = optional
stateOrProvinceName = optional
localityName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
emailAddress = optional
postalCode = optional
street = optional
`;
