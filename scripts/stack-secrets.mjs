#!/usr/bin/env node
// Creates the tokens and passwords of docker-compose.yml, each once and readable only by the accounts that need it.
//
//   stack-secrets.mjs [--dir DIR] make [--own PATH=UID:GID]...   creates missing ones, leaves existing ones alone
//   stack-secrets.mjs [--dir DIR] put NAME < FILE                stores a secret of yours (slack-api-url, smtp-password)
//   stack-secrets.mjs [--dir DIR] renew NAME                     replaces one
//
// As root (in the container) every file gets its owner; otherwise all belong to the user who runs this. Uses only Node's
// own modules.
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

// The accounts of the images: node, the nobody of Prometheus and Alertmanager, grafana, redis.
const TOCSIN = 1000;
const NOBODY = 65534;
const GRAFANA = 472;
const REDIS = 999;

// Who may read each secret: `owner` and, where two services share it, the other one's `group`.
const MADE = {
  'webhook-token': { owner: TOCSIN, group: NOBODY },
  'metrics-token': { owner: TOCSIN, group: NOBODY },
  'ops-token': { owner: TOCSIN },
  'redis-password': { owner: TOCSIN },
  'redis-users.acl': { owner: REDIS },
  'grafana-admin-password': { owner: GRAFANA },
  'grafana-secret-key': { owner: GRAFANA },
};
const GIVEN = {
  'slack-api-url': { owner: NOBODY },
  'smtp-password': { owner: NOBODY },
};
// The ACL contains the hash of the password: the two are always created together.
const REDIS_PAIR = ['redis-password', 'redis-users.acl'];

const token = () => randomBytes(32).toString('base64url');

/** Redis's users: one with the password and all permissions, one for the health check that may only PING. */
function redisUsers(password) {
  const hash = createHash('sha256').update(password).digest('hex');
  return `user default on #${hash} ~* &* +@all\nuser health on nopass resetkeys resetchannels -@all +ping\n`;
}

/** Writes a file completely or not at all, with its final mode and owner from the moment it has its name. */
function store(dir, name, value) {
  const { owner, group } = { ...MADE, ...GIVEN }[name];
  const path = join(dir, name);
  const unfinished = `${path}.new`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, value, { mode: 0o600, flag: 'wx' });
  chmodSync(unfinished, group === undefined ? 0o400 : 0o440);
  if (process.getuid() === 0) chownSync(unfinished, owner, group ?? 0);
  renameSync(unfinished, path);
  process.stdout.write(`created ${path}\n`);
}

function stands(dir, name) {
  return (statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0) > 0;
}

function renew(dir, name) {
  if (!REDIS_PAIR.includes(name)) return store(dir, name, token());
  const password = token();
  store(dir, 'redis-password', password);
  store(dir, 'redis-users.acl', redisUsers(password));
}

function make(dir, rest) {
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  for (const name of Object.keys(MADE)) {
    if (!stands(dir, name)) renew(dir, name);
  }
  for (const [i, word] of rest.entries()) {
    if (i % 2 === 0 && word !== '--own') fail(`unknown option "${word}"; expected --own PATH=UID:GID`);
    if (i % 2 === 1) own(word);
  }
}

/** Gives a volume to the account that writes to it. */
function own(text) {
  const [, path, uid, gid] = /^(.+)=(\d+):(\d+)$/.exec(text) ?? fail(`"${text}" is not PATH=UID:GID`);
  chownSync(path, Number(uid), Number(gid));
}

function put(dir, name) {
  if (!(name in GIVEN))
    fail(`"${name}" is not a secret that can be set; expected one of: ${Object.keys(GIVEN).join(', ')}`);
  const value = readFileSync(0, 'utf8').trim();
  if (value === '') fail(`standard input is empty; expected the value of ${name}`);
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  store(dir, name, value);
}

function fail(message) {
  process.stderr.write(`stack-secrets: ${message}\n`);
  process.exit(2);
}

const words = process.argv.slice(2);
const dir = words[0] === '--dir' ? words.splice(0, 2)[1] : 'secrets';
const [command, ...rest] = words;
if (dir === undefined) fail('--dir needs a folder');
else if (command === 'make') make(dir, rest);
else if (command === 'put') put(dir, rest[0]);
else if (command === 'renew' && rest[0] in MADE) renew(dir, rest[0]);
else
  fail(
    `expected make, put NAME (${Object.keys(GIVEN).join(', ')}) or renew NAME (${Object.keys(MADE).join(', ')})`,
  );
