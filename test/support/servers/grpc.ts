import {
  Server,
  ServerCredentials,
  type Metadata,
  type ServiceDefinition,
  type StatusObject,
} from '@grpc/grpc-js';

/** A service's answer: its serving status, a gRPC status, raw bytes, or no answer at all. */
export type HealthAnswer = number | Partial<StatusObject> | Buffer | 'silence';
export type HealthAnswering = (service: string, metadata: Metadata) => HealthAnswer;

export interface GrpcServer {
  readonly port: number;
  /** `127.0.0.1:port` */
  readonly address: string;
  close(): Promise<void>;
}

const asIs = (value: Buffer): Buffer => value;

const HEALTH: ServiceDefinition = {
  check: {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
};

export interface GrpcServerOptions {
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Whether there is a health service. */
  readonly health?: boolean;
  readonly host?: string;
}

/** A real gRPC server with the health service. */
export async function startGrpc(
  answer: HealthAnswering,
  options: GrpcServerOptions = {},
): Promise<GrpcServer> {
  const { tls, health = true, host = '127.0.0.1' } = options;
  const server = new Server();
  if (health)
    server.addService(HEALTH, {
      check: (
        call: { request: Buffer; metadata: Metadata },
        done: (error: Partial<StatusObject> | null, value?: Buffer) => void,
      ) => {
        const given = answer(call.request.subarray(2).toString(), call.metadata);
        if (given === 'silence') return;
        if (typeof given === 'number') done(null, Buffer.from([0x08, given]));
        else if (Buffer.isBuffer(given)) done(null, given);
        else done(given);
      },
    });
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [
          { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) },
        ]);
  const shown = host.includes(':') ? `[${host}]` : host;
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${shown}:0`, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    port,
    address: `${shown}:${port}`,
    close: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}
