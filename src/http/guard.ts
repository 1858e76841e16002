import { Router, type RequestHandler } from 'express';

/** Who may send a request: everyone, holders of a token with that scope, or senders of webhook deliveries. */
export type Guard = 'open' | 'read' | 'metrics' | 'ack' | 'heartbeat' | 'admin' | 'webhook';

/** A handler that passes only authorised requests, with the name of what it requires. */
export type GuardHandler = RequestHandler & { readonly guard: Guard };

/**
 * Names handlers, which are called in order, as a guard, so that routes without one can be found. Not a Router, which
 * passes a request on in a later turn of the event loop only.
 */
export function guardBy(guard: Guard, ...handlers: readonly RequestHandler[]): GuardHandler {
  const handler: RequestHandler = (request, response, next) => {
    const pass = (from: number): void => {
      const following = handlers[from];
      if (following === undefined) next();
      else
        void following(request, response, (error?: unknown) => {
          if (error === undefined) pass(from + 1);
          else next(error);
        });
    };
    pass(0);
  };
  return Object.assign(handler, { guard });
}

/** For a route that is open to everyone. */
export const open: GuardHandler = guardBy('open', (_request, _response, next) => {
  next();
});

/** Guards everything below a path, whether or not there is such a route. */
export function guardBelow(path: string, guard: GuardHandler): RequestHandler {
  return Router().use(path, guard);
}

/** A route and its guards; one without any is a bug. */
export interface GuardedRoute {
  readonly path: string;
  /** In upper case; `ALL` for every method. */
  readonly method: string;
  readonly guards: readonly Guard[];
}

/** The part of Express's layers that is used here; they have no types. */
interface Layer {
  readonly handle: unknown;
  readonly method?: string;
  readonly match: (path: string) => boolean;
  readonly route?: { readonly path: string | readonly string[]; readonly stack: readonly Layer[] };
}

/** Every route of some handlers, with the guards that a request to it passes. */
export function guardedRoutes(handlers: readonly unknown[]): GuardedRoute[] {
  return handlers.flatMap((handler) => (isRouter(handler) ? routesOf(handler.stack, []) : []));
}

/** @throws Error for a route without a guard */
export function requireGuards<Handler>(handlers: readonly Handler[]): readonly Handler[] {
  const without = guardedRoutes(handlers).filter(({ guards }) => guards.length === 0);
  if (without.length === 0) return handlers;
  const names = without.map(({ method, path }) => `${method} ${path}`);
  throw new Error(`routes without a guard: ${names.join('; ')}; declare one next to the path, or open`);
}

function routesOf(stack: readonly Layer[], around: readonly Layer[]): GuardedRoute[] {
  const before = [...around];
  return stack.flatMap((layer) => {
    if (layer.route !== undefined) return answersOf(layer.route, before);
    before.push(layer);
    return isRouter(layer.handle) ? routesOf(layer.handle.stack, before) : [];
  });
}

/** An entry for each path and method of a route. */
function answersOf(
  { path: paths, stack }: NonNullable<Layer['route']>,
  before: readonly Layer[],
): GuardedRoute[] {
  const methods = new Set(stack.filter((one) => guardOf(one) === undefined).map(({ method }) => method));
  return [paths].flat().flatMap((path) => {
    const around = before.filter((one) => one.match(path.replaceAll(':', '')));
    return [...methods].map((method) => {
      const asked = stack.filter((one) => one.method === undefined || one.method === method);
      const answer = asked.findIndex((one) => guardOf(one) === undefined);
      const passed = [...around, ...asked.slice(0, answer)];
      const guards = passed.map(guardOf).filter((guard) => guard !== undefined);
      return { path, method: method?.toUpperCase() ?? 'ALL', guards };
    });
  });
}

function guardOf({ handle }: Layer): Guard | undefined {
  return typeof handle === 'function' && 'guard' in handle ? (handle as GuardHandler).guard : undefined;
}

function isRouter(handler: unknown): handler is { readonly stack: readonly Layer[] } {
  return typeof handler === 'function' && 'stack' in handler && Array.isArray(handler.stack);
}
