/** Preloaded into a node (`NODE_OPTIONS=--import=…`): its wall clock is off by `PLUMB_TEST_SKEW_MS`, nothing else is. */
const skewMs = Number(process.env.PLUMB_TEST_SKEW_MS ?? 0);
const TrueDate = Date;

globalThis.Date = new Proxy(TrueDate, {
  construct: (target, args: unknown[], self) =>
    Reflect.construct(target, args.length === 0 ? [target.now() + skewMs] : args, self) as object,
  apply: target => new target(target.now() + skewMs).toString(),
  get: (target, name) => name === 'now' ? () => target.now() + skewMs : Reflect.get(target, name) as unknown,
});
