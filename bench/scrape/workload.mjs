// What both contenders expose: the same names, labels and kinds of numbers. Half of the series are integers, half are
// random doubles; each has five labels.
const FAMILIES = 30;
const SERVICES = ['checkout', 'search', 'payments', 'identity', 'catalogue', 'mail'];

export const families = Array.from({ length: FAMILIES }, (_, i) => ({
  name: `bench_component_${i}_${i % 2 === 0 ? 'items' : 'seconds'}`,
  type: 'gauge',
  help: `What component ${i} measures.`,
  integer: i % 2 === 0,
}));

/** The series of one writer of many: one of each family. */
export function labelsOf(writer, family) {
  return {
    instance: `10.${(writer >> 16) & 255}.${(writer >> 8) & 255}.${writer & 255}:9100`,
    service: SERVICES[writer % SERVICES.length],
    zone: `eu-west-${(writer % 3) + 1}`,
    method: writer % 2 === 0 ? 'GET' : 'POST',
    shard: String((writer * 31 + family) % 64),
  };
}

export function newValue({ integer }) {
  return integer ? Math.floor(Math.random() * 1e6) : Math.random() * 1_000;
}

export const writers = (series) => Math.ceil(series / FAMILIES);
