import { parentPort, type MessagePort } from 'node:worker_threads';
import { celRule, type CelRule } from '../../probes/http/rules/cel.ts';
import { celFailureText, type CelTask } from '../../probes/http/rules/cel-judge.ts';

/** Reloads replace expressions; this many are kept compiled. */
const MAX_RULES = 500;

if (parentPort === null) throw new Error('cel-thread is started as a worker thread by CelThread');
serveCel(parentPort);

function serveCel(port: MessagePort): void {
  const rules = new Map<string, CelRule>();
  const ruleOf = (text: string | undefined) => {
    if (text === undefined) return undefined;
    if (rules.size >= MAX_RULES) rules.clear();
    // it was validated when the configuration was loaded
    const rule = rules.get(text) ?? celRule.parse(text);
    rules.set(text, rule);
    return rule;
  };
  port.on('message', ({ matches, notMatches, body }: CelTask) => {
    port.postMessage(
      celFailureText(body, { celMatches: ruleOf(matches), celNotMatches: ruleOf(notMatches) }),
    );
  });
}
