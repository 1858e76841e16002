// Servers to probe, in a separate process so that their CPU time is counted separately: one that answers
// HTTP and one that only accepts. Prints their ports, and ends with its parent's pipe.
import { createServer as createHttp } from 'node:http';
import { createServer as createTcp } from 'node:net';

const body = Buffer.from('{"status":"ok"}');
const http = createHttp((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
});
const tcp = createTcp((socket) => {
  socket.on('error', () => undefined);
  socket.resume();
});
const listening = (server) =>
  new Promise((resolve) => {
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => resolve(server.address().port));
  });
process.stdout.write(`ready ${await listening(http)} ${await listening(tcp)}\n`);
process.stdin.resume().on('end', () => process.exit());
