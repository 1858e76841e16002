// The two plain handlers that bench/webhook.mjs compares Tocsin with: `parse` only parses, `insert` stores each alert
// by itself.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import express from 'express';

const [, , mode, folder] = process.argv;
const database = new Database(join(folder, `plain-${mode}.db`));
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
database.exec(
  'CREATE TABLE IF NOT EXISTS alerts (id INTEGER PRIMARY KEY, fingerprint TEXT, status TEXT, data TEXT)',
);
const insert = database.prepare('INSERT INTO alerts (fingerprint, status, data) VALUES (?, ?, ?)');

const app = express();
app.use(express.json({ limit: '64mb' }));
app.post('/api/webhooks/alertmanager', (request, response) => {
  const { alerts } = request.body;
  if (mode === 'insert') {
    for (const alert of alerts) insert.run(alert.fingerprint, alert.status, JSON.stringify(alert));
  }
  response.json({ accepted: alerts.length });
});
const server = app.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` }));
});
process.once('SIGTERM', () => process.exit(0));
