/** Marks the file as a ledger of Tocsin (`PRAGMA application_id`): "Tocs". */
export const APPLICATION_ID = 0x546f6373;

/**
 * The migrations from an empty file to the current schema; `PRAGMA user_version` counts the ones applied. A released
 * migration is never changed: changes are made by adding another one.
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
  `
  -- what was last known of each check, so that a restart goes on from there; health is JSON
  CREATE TABLE checks (
    service INTEGER NOT NULL, target INTEGER NOT NULL, at INTEGER NOT NULL, health TEXT NOT NULL,
    PRIMARY KEY (service, target)
  ) WITHOUT ROWID;

  -- as rollups, by the hour
  CREATE TABLE hours (
    service INTEGER NOT NULL, at INTEGER NOT NULL,
    success INTEGER NOT NULL, failure INTEGER NOT NULL, unknown INTEGER NOT NULL, success_seconds REAL NOT NULL,
    PRIMARY KEY (service, at)
  ) WITHOUT ROWID;
  INSERT INTO hours (service, at, success, failure, unknown, success_seconds)
    SELECT service, at - at % 3600000, sum(success), sum(failure), sum(unknown), sum(success_seconds)
    FROM rollups GROUP BY service, at - at % 3600000;
  `,
  `
  -- since: from when nobody has it (ms); timer: when it has something to do by itself (ms); closed_by: JSON array of peers
  ALTER TABLE episodes ADD COLUMN since INTEGER;
  ALTER TABLE episodes ADD COLUMN timer INTEGER;
  ALTER TABLE episodes ADD COLUMN closed_at INTEGER;
  ALTER TABLE episodes ADD COLUMN closed_by TEXT;
  ALTER TABLE episodes ADD COLUMN suspect_until INTEGER;
  ALTER TABLE episodes ADD COLUMN ack_by TEXT;
  ALTER TABLE episodes ADD COLUMN ack_comment TEXT;
  ALTER TABLE episodes ADD COLUMN ack_at INTEGER;
  ALTER TABLE episodes ADD COLUMN ack_expires INTEGER;
  CREATE INDEX episodes_timer ON episodes (timer) WHERE timer IS NOT NULL;

  -- a large delivery is written here in slices, and becomes visible at once when all of it is there.
  -- seq counts from 1; what would be an offset is -seq until then. Episodes are whole rows, as they will be
  CREATE TABLE staged_events (
    seq INTEGER PRIMARY KEY, type INTEGER NOT NULL, time INTEGER NOT NULL, previous INTEGER,
    subject TEXT, data TEXT NOT NULL
  );
  CREATE TABLE staged_episodes AS SELECT * FROM episodes LIMIT 0;
  CREATE UNIQUE INDEX staged_episodes_id ON staged_episodes (id);
  -- bodies too large for one commit; id is 65536 times that of the delivery, plus the how-many-th part
  CREATE TABLE body_parts (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
  `,
  `
  -- through: the offset of the last event that a sink is done with
  CREATE TABLE sinks (name TEXT PRIMARY KEY, through INTEGER NOT NULL) WITHOUT ROWID;
  -- what a sink refused for good
  CREATE TABLE dead_letters (
    sink TEXT NOT NULL, event INTEGER NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (sink, event)
  ) WITHOUT ROWID;
  `,
  `
  -- episodes that their Alertmanagers tell nobody of: silenced, inhibited
  CREATE TABLE suppressed (episode INTEGER PRIMARY KEY, reason TEXT NOT NULL);
  `,
  `
  -- events in segments (segment.ts says how): first and last are offsets, latest the greatest time up to here,
  -- subject that of all but the events of alerts
  CREATE TABLE segments (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, time INTEGER NOT NULL, latest INTEGER NOT NULL,
    subject TEXT, lines TEXT NOT NULL
  );
  CREATE INDEX segments_subject ON segments (subject) WHERE subject IS NOT NULL;
  CREATE TABLE segment_types (type INTEGER NOT NULL, first INTEGER NOT NULL, PRIMARY KEY (type, first)) WITHOUT ROWID;
  INSERT INTO segments (first, last, time, latest, subject, lines)
    SELECT offset, offset, time, latest, subject, char(10) || type || char(9) || data
    FROM events WHERE previous IS NULL;
  INSERT INTO segments (first, last, time, latest, subject, lines)
    SELECT offset, offset, time, latest, NULL, '"webhook":' || json_quote(data ->> '$.webhook') || char(10) || type
      || char(9) || json_remove(data, '$.transition', '$.episode', '$.fingerprint', '$.webhook', '$.generator_url',
        '$.labels', '$.annotations')
      || char(9) || previous || char(9) || (data ->> '$.episode') || char(9) || subject
      || char(9) || (data -> '$.generator_url') || char(9) || (data -> '$.labels') || char(9) || (data -> '$.annotations')
    FROM events WHERE previous IS NOT NULL;
  INSERT INTO segment_types (type, first) SELECT type, offset FROM events;

  -- texts: what the last event says of the alert, once retention has removed that.
  -- former: the id of its alert's episode before (0: none); the newest is found in memory
  CREATE TABLE narrow_episodes (
    id INTEGER PRIMARY KEY, webhook INTEGER NOT NULL, fingerprint INTEGER NOT NULL, number INTEGER NOT NULL,
    former INTEGER NOT NULL, last_event INTEGER NOT NULL,
    ordinal INTEGER NOT NULL, open INTEGER NOT NULL, severity INTEGER NOT NULL, acknowledged INTEGER NOT NULL,
    starts INTEGER NOT NULL, anchor INTEGER NOT NULL,
    first_received INTEGER NOT NULL, last_received INTEGER NOT NULL, receiver TEXT NOT NULL,
    since INTEGER NOT NULL, ends INTEGER, former_until INTEGER, timer INTEGER, closed_at INTEGER, closed_by TEXT,
    suspect_until INTEGER, ack_by TEXT, ack_comment TEXT, ack_at INTEGER, ack_expires INTEGER, texts TEXT
  );
  INSERT INTO narrow_episodes
    SELECT id, webhook, fingerprint, number,
      coalesce((SELECT max(id) FROM episodes AS f WHERE f.fingerprint = e.fingerprint AND f.webhook = e.webhook
        AND f.number < e.number), 0),
      last_event, ordinal, open, severity, acknowledged, starts, anchor, first_received, last_received, receiver,
      coalesce(since, first_received), ends, former_until, timer, closed_at, closed_by, suspect_until,
      ack_by, ack_comment, ack_at, ack_expires,
      CASE WHEN last_event IN (SELECT offset FROM events) THEN NULL
        ELSE json_array(generator_url, labels, annotations) END
    FROM episodes AS e;
  DROP TABLE episodes;
  ALTER TABLE narrow_episodes RENAME TO episodes;
  CREATE INDEX episodes_state ON episodes (open, severity);
  CREATE INDEX episodes_timer ON episodes (timer) WHERE timer IS NOT NULL;
  DROP TABLE events;

  DROP TABLE staged_events;
  DROP TABLE staged_episodes;
  CREATE TABLE staged_segments (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, time INTEGER NOT NULL, types TEXT NOT NULL, lines TEXT NOT NULL
  );
  CREATE TABLE staged_episodes AS SELECT * FROM episodes LIMIT 0;
  CREATE UNIQUE INDEX staged_episodes_id ON staged_episodes (id);
  `,
  `
  -- closed_by: JSON array of reporters (numbers; the texts of before are not comparable with them); suspect_same: whether
  -- the suspect was reported with the episode's own start; anchor_given: null where it is as anchor
  ALTER TABLE episodes ADD COLUMN reported_end INTEGER;
  ALTER TABLE episodes ADD COLUMN anchor_given INTEGER;
  ALTER TABLE episodes ADD COLUMN suspect_same INTEGER;
  UPDATE episodes SET reported_end = ends, closed_by = NULL WHERE closed_by IS NOT NULL;
  ALTER TABLE staged_episodes ADD COLUMN reported_end INTEGER;
  ALTER TABLE staged_episodes ADD COLUMN anchor_given INTEGER;
  ALTER TABLE staged_episodes ADD COLUMN suspect_same INTEGER;
  UPDATE staged_episodes SET reported_end = ends, closed_by = NULL WHERE closed_by IS NOT NULL;
  `,
];
