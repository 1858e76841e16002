/** Marks the file as a ledger of Tocsin (`PRAGMA application_id`): "Tocs". */
export const APPLICATION_ID = 0x546f6373;

/**
 * The steps from an empty file to today's schema; `PRAGMA user_version` counts those that were made.
 * A step that was released is never changed: what is to be different comes as another one.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;

  -- names that repeat in every row: types of events, webhooks, services, targets
  CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

  -- latest: the greatest time up to this offset, so that a time can be found by bisection.
  -- previous: of an alert's event, the one before it in its episode (0 for the first). Fingerprints are random:
  -- an index over them would touch a page for each, so events of an alert are found by following these.
  CREATE TABLE events (
    offset INTEGER PRIMARY KEY, type INTEGER NOT NULL, time INTEGER NOT NULL, latest INTEGER NOT NULL,
    previous INTEGER, subject TEXT, data TEXT NOT NULL
  );
  CREATE INDEX events_type ON events (type);
  CREATE INDEX events_subject ON events (subject) WHERE previous IS NULL;

  -- identity: webhook and fingerprint (as a signed number); number counts its episodes; last_event is an offset;
  -- times in nanoseconds but for *_received (ms)
  CREATE TABLE episodes (
    id INTEGER PRIMARY KEY, webhook INTEGER NOT NULL, fingerprint INTEGER NOT NULL, number INTEGER NOT NULL,
    last_event INTEGER NOT NULL,
    ordinal INTEGER NOT NULL, open INTEGER NOT NULL, severity INTEGER NOT NULL, acknowledged INTEGER NOT NULL,
    starts INTEGER NOT NULL, anchor INTEGER NOT NULL, ends INTEGER, former_until INTEGER,
    first_received INTEGER NOT NULL, last_received INTEGER NOT NULL,
    receiver TEXT NOT NULL, generator_url TEXT NOT NULL, labels TEXT NOT NULL, annotations TEXT NOT NULL
  );
  CREATE UNIQUE INDEX episodes_identity ON episodes (fingerprint, webhook, number);
  CREATE INDEX episodes_state ON episodes (open, severity);

  CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL, webhook INTEGER NOT NULL, received INTEGER NOT NULL,
    source TEXT NOT NULL, user_agent TEXT NOT NULL, receiver TEXT NOT NULL, group_key TEXT NOT NULL,
    status TEXT NOT NULL, truncated INTEGER NOT NULL,
    accepted INTEGER NOT NULL, duplicates INTEGER NOT NULL, quarantined INTEGER NOT NULL, bytes INTEGER NOT NULL
  );
  CREATE INDEX deliveries_digest ON deliveries (digest);
  -- through: bytes of all bodies up to this one, so that what is stored is a difference
  CREATE TABLE bodies (delivery INTEGER PRIMARY KEY, through INTEGER NOT NULL, body BLOB NOT NULL);

  CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, webhook INTEGER NOT NULL,
    first_received INTEGER NOT NULL, last_received INTEGER NOT NULL, seen INTEGER NOT NULL,
    pointer TEXT NOT NULL, detail TEXT NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL
  );

  CREATE TABLE runs (
    service INTEGER NOT NULL, at INTEGER NOT NULL, target INTEGER NOT NULL,
    status TEXT NOT NULL, reason TEXT, duration REAL NOT NULL,
    PRIMARY KEY (service, at, target)
  ) WITHOUT ROWID;
  CREATE TABLE rollups (
    service INTEGER NOT NULL, at INTEGER NOT NULL,
    success INTEGER NOT NULL, failure INTEGER NOT NULL, unknown INTEGER NOT NULL, success_seconds REAL NOT NULL,
    PRIMARY KEY (service, at)
  ) WITHOUT ROWID;
  `,
];
