// Preloaded with `--import`: the wall clock of the process is SHIFT_MS off. Monotonic time is unchanged.
const shift = Number(process.env.SHIFT_MS);
const RealDate = Date;
const now = () => RealDate.now() + shift;

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(now());
    else super(...given);
  }

  static now() {
    return now();
  }
};
