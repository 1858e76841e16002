import { z } from 'zod';
import { key } from '../schema/mapping.ts';
import type { Values } from '../schema/mapping.ts';
import { timer } from '../schema/values.ts';

/** How long an alert may be unacknowledged before it goes to the second and to the third level. */
const levels = z
  .array(timer)
  .max(2, { error: 'expected at most two durations: for the second and for the third level' })
  .refine((given) => given.every((ms, i) => i === 0 || ms > (given[i - 1] ?? 0)), {
    error: 'expected durations that grow from level to level',
  });

/** The keys of `escalation`. */
export const escalationKeys = {
  critical: key(
    'critical',
    levels.prefault(['5m', '15m']),
    'how long a critical alert may be unacknowledged before level 2, and before level 3',
  ),
  warning: key('warning', levels.prefault(['15m']), 'the same for warnings'),
};

/** The keys of a service's own escalation: a severity that is left out is inherited. */
export const ownEscalationKeys = {
  critical: key(
    'critical',
    levels.optional(),
    'replaces all the general ones: one duration means no third level, `[]` no escalation',
    { whenAbsent: '`escalation.critical`' },
  ),
  warning: key('warning', levels.optional(), 'the same for warnings', {
    whenAbsent: '`escalation.warning`',
  }),
};

/** In milliseconds. */
export type EscalationConfig = Values<typeof escalationKeys>;
